/* Faults of the disk, for one process that is started with this library in LD_PRELOAD.

   Calls that change a file below a folder are counted, and from the n-th on they fail with an error,
   or the process is killed before it, or in the middle of it if it writes. Armed by the process itself
   (faults_arm), or by a file named in FAULTS_SWITCH that holds the number of an error: while it is
   there, everything below FAULTS_UNDER fails with that. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KILL_BEFORE = 0, KILL_AMID = -1 };  /* any other mode is the number of an error */

static char folder[4096];
static int armed, mode;
static long counted, fault_at;

void faults_arm(const char *below, long nth, int how) {
    snprintf(folder, sizeof folder, "%s/", below);
    counted = 0;
    fault_at = nth;
    mode = how;
    armed = 1;
}

long faults_disarm(void) {
    armed = 0;
    return counted;
}

static int is_below(const char *path) {
    return folder[0] && strncmp(path, folder, strlen(folder)) == 0;
}

static int fd_is_below(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

/* The error in the file of FAULTS_SWITCH, 0 for none. Plain system calls: ours are replaced. */
static int switched(void) {
    static const char *name, *below;
    static int looked;
    if (!looked) {
        looked = 1;
        name = getenv("FAULTS_SWITCH");
        below = getenv("FAULTS_UNDER");
    }
    if (!name || !below) return 0;
    if (!armed) snprintf(folder, sizeof folder, "%s/", below);
    char text[16] = "";
    long fd = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY);
    if (fd < 0) return 0;
    long length = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    return length > 0 ? atoi(text) : 0;
}

/* What is to happen at a call that changes something: 0 nothing, 1 an amid-kill, 2 errno is set.
   `grows`: it needs room on the disk; a full one lets the others pass. */
static int fault(int below, int grows) {
    if (!below) return 0;
    int error = armed ? 0 : switched();
    if (armed) {
        counted++;
        if (counted < fault_at) return 0;
        if (mode == KILL_BEFORE) kill(getpid(), SIGKILL);
        if (mode == KILL_AMID) return counted == fault_at;
        error = mode;
    }
    if (!error || (error == ENOSPC && !grows)) return 0;
    errno = error;
    return 2;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static void die(void) { kill(getpid(), SIGKILL); }

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    int what = fault(fd > 2 && fd_is_below(fd), 1);
    if (what == 2) return -1;
    if (what == 1) { real(fd, data, size / 2); die(); }
    return real(fd, data, size);
}

#define PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *data, size_t size, offset_type at) { \
        REAL(name); \
        int what = fault(fd_is_below(fd), 1); \
        if (what == 2) return -1; \
        if (what == 1) { real(fd, data, size / 2, at); die(); } \
        return real(fd, data, size, at); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define SIMPLE(name, grows, below, parameters, ...) \
    int name parameters { \
        REAL(name); \
        int what = fault(below, grows); \
        if (what == 2) return -1; \
        if (what == 1) { real(__VA_ARGS__); die(); } \
        return real(__VA_ARGS__); \
    }
SIMPLE(fsync, 0, fd_is_below(fd), (int fd), fd)
SIMPLE(fdatasync, 0, fd_is_below(fd), (int fd), fd)
SIMPLE(ftruncate, 1, fd_is_below(fd), (int fd, off_t size), fd, size)
SIMPLE(ftruncate64, 1, fd_is_below(fd), (int fd, off64_t size), fd, size)
SIMPLE(rename, 0, is_below(to), (const char *from, const char *to), from, to)
SIMPLE(renameat, 0, is_below(to), (int a, const char *from, int b, const char *to), a, from, b, to)
SIMPLE(link, 1, is_below(to), (const char *from, const char *to), from, to)
SIMPLE(linkat, 1, is_below(to), (int a, const char *from, int b, const char *to, int f), a, from, b, to, f)
SIMPLE(unlink, 0, is_below(path), (const char *path), path)
SIMPLE(unlinkat, 0, is_below(path), (int a, const char *path, int f), a, path, f)
SIMPLE(mkdir, 1, is_below(path), (const char *path, mode_t m), path, m)
SIMPLE(mkdirat, 1, is_below(path), (int a, const char *path, mode_t m), a, path, m)

/* Opening counts if it makes a file; a read-only disk refuses to open any for writing. */
static int opening(const char *path, int flags) {
    if (!is_below(path) && !getenv("FAULTS_UNDER")) return 0;
    int makes = (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    if (!makes && !writes) return 0;
    if (!makes && armed && mode <= 0) return 0;
    if (!armed) switched();  /* it fills in the folder */
    return fault(is_below(path), makes);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t m = va_arg(rest, mode_t); \
        va_end(rest); \
        int what = opening(path, flags); \
        if (what == 2) return -1; \
        if (what == 1) { real(path, flags, m); die(); } \
        return real(path, flags, m); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int at, const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t m = va_arg(rest, mode_t); \
        va_end(rest); \
        int what = opening(path, flags); \
        if (what == 2) return -1; \
        if (what == 1) { real(at, path, flags, m); die(); } \
        return real(at, path, flags, m); \
    }
OPENAT(openat)
OPENAT(openat64)
