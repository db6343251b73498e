/*
 * Every answer tells that it was patched. The function is static and is called
 * only through a pointer, at the end of nginx's chain of header filters.
 *
 * The strings go into the request's own memory: a revert unmaps the patch only
 * when nothing in the process points into it any more.
 */
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <hotfix/hotfix.h>

static ngx_int_t set_text(ngx_pool_t *pool, ngx_str_t *field, ngx_str_t text)
{
	field->data = ngx_pstrdup(pool, &text);
	field->len = text.len;
	return field->data ? NGX_OK : NGX_ERROR;
}

static ngx_int_t ngx_http_header_filter(ngx_http_request_t *r)
{
	ngx_table_elt_t *header = ngx_list_push(&r->headers_out.headers);

	if (!header)
		return NGX_ERROR;
	header->hash = 1;
	if (set_text(r->pool, &header->key, (ngx_str_t)ngx_string("X-Hotfix")) ||
	    set_text(r->pool, &header->value, (ngx_str_t)ngx_string("yes")))
		return NGX_ERROR;
	return HOTFIX_ORIGINAL(ngx_http_header_filter)(r);
}
HOTFIX_REPLACE(ngx_http_header_filter);
