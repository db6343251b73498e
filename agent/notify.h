/*
 * Telling the service manager that a service is ready: sd_notify(3), a datagram to the
 * socket that $NOTIFY_SOCKET names.
 */
#pragma once

/* Once; without such a socket nobody is told. */
void notify_ready(void);
