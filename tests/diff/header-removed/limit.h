#pragma once

static inline int limited(int a)
{
	return a > 100 ? 100 : a;
}
