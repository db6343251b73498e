#include "serve.h"

int main(void)
{
	return target_main(commands);
}
