/*
 * Preloaded before AddressSanitizer's runtime. PHP opens extensions with RTLD_DEEPBIND, by which an extension
 * would use the C library's malloc and free beside the runtime's; the runtime refuses to open such a library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

void *dlopen(const char *file, int mode) {
    void *(*next)(const char *, int) = (void *(*)(const char *, int)) dlsym(RTLD_NEXT, "dlopen");
    return next(file, mode & ~RTLD_DEEPBIND);
}
