#include "bank.h"

#include <stdio.h>

enum capture_result bank_capture(const struct capture *capture,
				 char ret_reference[static 24])
{
	if (capture->amount != capture->authorised)
		return CAPTURE_MISMATCH;
	snprintf(ret_reference, 24, "%s-%08llx", capture->currency,
		 (unsigned long long)capture->order_id * 2654435761u);
	return CAPTURE_DONE;
}
