#define ROOM 48
