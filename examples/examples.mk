# The bundled example servers: see examples/README.md.
