/*
 * An HTTP server with a thread of the library's own. It answers whether the
 * request is a form that can be read.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum MHD_Result field(void *data, enum MHD_ValueKind kind,
			     const char *key, const char *file,
			     const char *type, const char *encoding,
			     const char *text, uint64_t offset, size_t size)
{
	(void)data, (void)kind, (void)key, (void)file, (void)type;
	(void)encoding, (void)text, (void)offset, (void)size;
	return MHD_YES;
}

static enum MHD_Result send_text(struct MHD_Connection *connection,
				 const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result = MHD_queue_response(connection, 200, response);

	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer(void *data, struct MHD_Connection *connection,
			      const char *url, const char *method,
			      const char *version, const char *upload,
			      size_t *size, void **state)
{
	static int seen;
	struct MHD_PostProcessor *form;

	(void)data, (void)url, (void)method, (void)version, (void)upload;
	if (!*state) {
		*state = &seen;
		return MHD_YES;
	}
	if (*size) {
		*size = 0;
		return MHD_YES;
	}
	form = MHD_create_post_processor(connection, 1024, field, NULL);
	if (!form)
		return send_text(connection, "no form\n");
	MHD_destroy_post_processor(form);
	return send_text(connection, "form\n");
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(argc > 1 ? (uint16_t)atoi(argv[1]) : 0),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	if (!MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
			      answer, NULL, MHD_OPTION_SOCK_ADDR, &address,
			      MHD_OPTION_END))
		return 1;
	for (;;)
		pause();
}
