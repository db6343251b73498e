/*
 * An HTTP server that answers with the value of the header X-Role.
 */
#include <libsoup/soup.h>
#include <stdlib.h>

static void answer(SoupServer *server, SoupMessage *message, const char *path,
		   GHashTable *query, SoupClientContext *client, gpointer data)
{
	const char *role = soup_message_headers_get_one(
		message->request_headers, "X-Role");
	char *text = g_strdup_printf("role=%s\n", role ? role : "none");

	(void)server, (void)path, (void)query, (void)client, (void)data;
	soup_message_set_response(message, "text/plain", SOUP_MEMORY_TAKE,
				  text, strlen(text));
	soup_message_set_status(message, SOUP_STATUS_OK);
}

int main(int argc, char **argv)
{
	SoupServer *server = soup_server_new(NULL, NULL);
	guint port = argc > 1 ? (guint)atoi(argv[1]) : 0;

	soup_server_add_handler(server, NULL, answer, NULL, NULL);
	if (!soup_server_listen_local(server, port,
				      SOUP_SERVER_LISTEN_IPV4_ONLY, NULL))
		return 1;
	g_main_loop_run(g_main_loop_new(NULL, FALSE));
	return 0;
}
