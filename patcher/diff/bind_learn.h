/*
 * Static names that several files of the target share, told apart by who uses
 * them there.
 *
 *	object	  pay()  ──call──► init		static
 *	target	  pay()  ──call──► 0x401230	one of three called init
 *
 * A static name is known in its own object only, so what the target's pay()
 * refers to is the init of pay()'s object. From things whose name is unique
 * this goes on to what they refer to, and on from there.
 */
#pragma once

#include "bind.h"

/* Fills in `learned` of the unit's items. Return: 0; -ENOMEM. */
int bind_learn(const struct build *build, const struct unit_pair *pair);

/* By name alone; BINDING_AMBIGUOUS where several have it. In bind.c. */
int bind_by_name(const struct build *build, const struct unit_pair *pair,
		 const struct item *item, struct binding *ret_binding);
