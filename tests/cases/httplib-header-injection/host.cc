/*
 * A gateway: /forward?type=TYPE posts something of that content type to
 * /upstream, here as well, which tells whether a header came with it that
 * nobody has set.
 */
#include <stdlib.h>

#include <httplib.h>

static int port;

static void upstream(const httplib::Request &request,
		     httplib::Response &response)
{
	response.set_content(request.has_header("evil") ? "evil\n" : "clean\n",
			     "text/plain");
}

static void forward(const httplib::Request &request,
		    httplib::Response &response)
{
	httplib::Client client("127.0.0.1", port);
	httplib::Result result = client.Post(
		"/upstream", "body", request.get_param_value("type").c_str());

	response.set_content(result ? result->body : "no answer\n",
			     "text/plain");
}

int main(int argc, char **argv)
{
	httplib::Server server;

	port = argc > 1 ? atoi(argv[1]) : 0;
	server.Get("/", [](const httplib::Request &,
			   httplib::Response &response) {
		response.set_content("here\n", "text/plain");
	});
	server.Get("/forward", forward);
	server.Post("/upstream", upstream);
	return !server.listen("127.0.0.1", port);
}
