# The Makefile of every project that has none of its own. C++ is *.cc.
CC = gcc
CXX = g++
CFLAGS = -g -O2
LDFLAGS =

objects := $(patsubst %.c,%.o,$(sort $(wildcard *.c))) \
	   $(patsubst %.cc,%.o,$(sort $(wildcard *.cc))) \
	   $(patsubst %.S,%.o,$(sort $(wildcard *.S)))
link := $(if $(wildcard *.cc),$(CXX),$(CC))

prog: $(objects)
	$(link) $(LDFLAGS) -o $@ $^

%.o: %.c
	$(CC) $(CFLAGS) -MMD -c -o $@ $<

%.o: %.cc
	$(CXX) $(CFLAGS) -MMD -c -o $@ $<

%.o: %.S
	$(CC) $(CFLAGS) -c -o $@ $<

clean:
	rm -f prog *.o *.d

-include $(objects:.o=.d)
