/*
 * Lets Xen's own xenstored (C or OCaml) run on a kernel without Xen, serving
 * only its unix socket: preloaded, it stands in for the event channel, grant
 * table and hypercall libraries. There is one domain, dom0, whose ring stays
 * silent. xenstored-nox builds it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int handle;
void *xenevtchn_open(void *l, unsigned f) { return &handle; }
void *xenevtchn_fdopen(void *l, int fd, unsigned f) { return &handle; }
int xenevtchn_close(void *h) { return 0; }
int xenevtchn_fd(void *h) { static int fd = -1; if (fd < 0) fd = eventfd(0, 0); return fd; }
int xenevtchn_bind_interdomain(void *h, uint32_t d, uint32_t p) { return 2; }
int xenevtchn_bind_virq(void *h, unsigned v) { return 1; }
int xenevtchn_notify(void *h, uint32_t p) { return 0; }
int xenevtchn_pending(void *h) { errno = EAGAIN; return -1; }
int xenevtchn_unbind(void *h, uint32_t p) { return 0; }
int xenevtchn_unmask(void *h, uint32_t p) { return 0; }

void *xengnttab_open(void *l, unsigned f) { return &handle; }
int xengnttab_close(void *h) { return 0; }
int xengnttab_set_max_grants(void *h, uint32_t n) { return 0; }
void *xengnttab_map_grant_ref(void *h, uint32_t d, uint32_t r, int p)
{ return mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_SHARED, -1, 0); }
int xengnttab_unmap(void *h, void *a, uint32_t n) { return munmap(a, 4096 * n); }

void *xc_interface_open(void *a, void *b, unsigned f) { return &handle; }
int xc_interface_close(void *h) { return 0; }
int xc_domain_getinfo(void *h, uint32_t d, unsigned n, void *i) { return 0; }
int xc_domain_getinfolist(void *h, uint32_t d, unsigned n, void *i) { return 0; }
int xc_evtchn_alloc_unbound(void *h, uint32_t d, uint32_t r) { return 3; }

int setrlimit(__rlimit_resource_t r, const struct rlimit *l) { return 0; }
int setrlimit64(__rlimit_resource_t r, const struct rlimit64 *l) { return 0; }

static int fake(const char *path)
{
	int fd;
	if (!strcmp(path, "/proc/xen/xsd_port") || !strcmp(path, "/dev/xen/xsd_port")) {
		fd = memfd_create("port", 0);
		if (fd >= 0 && (write(fd, "1", 1) != 1 || lseek(fd, 0, SEEK_SET))) return -1;
		return fd;
	}
	if (!strcmp(path, "/proc/xen/xsd_kva") || !strcmp(path, "/dev/xen/xsd_kva")) {
		fd = memfd_create("kva", 0);
		if (fd >= 0 && ftruncate(fd, 4096)) return -1;
		return fd;
	}
	return -2;
}
#define OPEN(name) \
int name(const char *path, int flags, ...) \
{ \
	va_list ap; int mode, fd = fake(path); \
	if (fd != -2) return fd; \
	va_start(ap, flags); mode = va_arg(ap, int); va_end(ap); \
	return syscall(SYS_openat, AT_FDCWD, path, flags, mode); \
}
OPEN(open)
OPEN(open64)
