/*
 * How the HTML form of an incident looks. One file, nothing from elsewhere: colours
 * by what they mean, light and dark, and a printer's.
 */
#pragma once

extern const char incident_style[];
