/*
 * An HTTP server whose answer tells how the request was understood: the value
 * of the header X-Role and the size of the body.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>

static void answer(struct evhttp_request *request, void *unused)
{
	struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
	struct evbuffer *body = evhttp_request_get_input_buffer(request);
	const char *role = evhttp_find_header(headers, "X-Role");
	struct evbuffer *reply = evbuffer_new();

	(void)unused;
	evbuffer_add_printf(reply, "role=%s body=%zu\n", role ? role : "none",
			    evbuffer_get_length(body));
	evhttp_send_reply(request, 200, "OK", reply);
	evbuffer_free(reply);
}

int main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct evhttp *http = evhttp_new(base);

	if (argc < 2 || evhttp_bind_socket(http, "127.0.0.1",
					   (unsigned short)atoi(argv[1])))
		return 1;
	evhttp_set_gencb(http, answer, NULL);
	return event_base_dispatch(base);
}
