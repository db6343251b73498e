#include "incident.h"

#include <string.h>
#include <time.h>

const char *incident_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

long long incident_number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

enum incident_effect incident_effect(const json_t *attempt)
{
	const char *effect = incident_text(attempt, "effect");

	if (!strcmp(effect, "applied"))
		return EFFECT_APPLIED;
	return strcmp(effect, "reverted") ? EFFECT_NONE : EFFECT_REVERTED;
}

static int64_t fraction_us(const char *text)
{
	int64_t us = 0;

	if (*text++ != '.')
		return 0;
	for (int digit = 0; digit < 6; digit++) {
		us *= 10;
		if (*text >= '0' && *text <= '9')
			us += *text++ - '0';
	}
	return us;
}

int64_t incident_time_us(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	return rest ? (int64_t)timegm(&tm) * 1000000 + fraction_us(rest) : 0;
}
