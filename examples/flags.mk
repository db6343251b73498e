# How the example servers are compiled: as a distribution does.
EXAMPLE_CFLAGS := -std=gnu17 -g -O2 -fstack-protector-strong -fPIE -pthread \
		  -D_FORTIFY_SOURCE=2
EXAMPLE_LDFLAGS := -pie -Wl,-z,relro -Wl,-z,now -pthread
