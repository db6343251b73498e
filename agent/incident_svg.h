/*
 * The timeline as SVG, for a document that has its colours: classes t-... of
 * incident_html.c's style.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum svg_form {
	SVG_WIDE,   /* labels beside the lanes */
	SVG_NARROW, /* above them, for a phone */
};

/**
 * incident_svg() - write the picture; nothing where no process was attempted
 *
 * Return: whether some bar has an end that is not known, for the key.
 */
bool incident_svg(FILE *to, const json_t *incident, enum svg_form form);
