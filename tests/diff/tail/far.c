#include "serve.h"

SEPARATE int far_one(int a) { return a * 3; }
SEPARATE int far_two(int a) { return a * 4; }
