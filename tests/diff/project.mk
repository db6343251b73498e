# The Makefile of every project that has none of its own.
CC = gcc
CFLAGS = -g -O2
LDFLAGS =

objects := $(patsubst %.c,%.o,$(sort $(wildcard *.c))) \
	   $(patsubst %.S,%.o,$(sort $(wildcard *.S)))

prog: $(objects)
	$(CC) $(LDFLAGS) -o $@ $^

%.o: %.c
	$(CC) $(CFLAGS) -MMD -c -o $@ $<

%.o: %.S
	$(CC) $(CFLAGS) -c -o $@ $<

clean:
	rm -f prog *.o *.d

-include $(objects:.o=.d)
