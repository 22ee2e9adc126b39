/* What time is it? A program that a test asks, and whose clock it makes wrong.
 *
 *   clock            answers each line of input with what its clocks read
 *   clock fork       does so in a child that it forks for each line
 *   clock exec       becomes itself anew before each answer but the first
 *   clock spin       has threads that read the time all the while
 *   clock stress N   reads the time for N seconds in many threads, under many signals, and
 *                    fails if any reading is neither true nor an hour ahead
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long ns(struct timespec t) { return t.tv_sec * 1000000000LL + t.tv_nsec; }

static long long raw(int clock) {
	struct timespec t;
	syscall(SYS_clock_gettime, clock, &t);
	return ns(t);
}

static long long fake(int clock) {
	struct timespec t;
	if (clock_gettime(clock, &t) || t.tv_nsec < 0 || t.tv_nsec > 999999999) return -1;
	return ns(t);
}

static void answer(void) {
	struct timeval v;
	struct timezone z = {-1, -1};
	time_t now = time(0), stored = 0;
	time(&stored);
	gettimeofday(&v, &z);
	printf("pid=%d raw=%lld wall=%lld coarse=%lld tai=%lld day=%lld zone=%d time=%lld stored=%lld "
	       "rawmono=%lld mono=%lld boot=%lld bad=%d\n",
	       getpid(), raw(CLOCK_REALTIME), fake(CLOCK_REALTIME), fake(CLOCK_REALTIME_COARSE),
	       fake(CLOCK_TAI), v.tv_sec * 1000000000LL + v.tv_usec * 1000LL, z.tz_minuteswest,
	       now * 1000000000LL, stored * 1000000000LL, raw(CLOCK_MONOTONIC), fake(CLOCK_MONOTONIC),
	       fake(CLOCK_BOOTTIME), clock_gettime(99, &(struct timespec){0}));
	fflush(stdout);
}

static volatile int over;
static long readings, ahead, bad;

static void check(void) {
	long long d = fake(CLOCK_REALTIME) - raw(CLOCK_REALTIME), hour = 3600000000000LL;
	__sync_fetch_and_add(&readings, 1);
	if (llabs(d - hour) < 30000000000LL) __sync_fetch_and_add(&ahead, 1);
	else if (llabs(d) > 30000000000LL) __sync_fetch_and_add(&bad, 1);
}

static void *spin(void *arg) {
	struct timeval v;
	long long last = 0;
	while (!over) {
		for (int i = 0; i < 100; i++) {
			long long m = fake(CLOCK_MONOTONIC);
			if (m < last) __sync_fetch_and_add(&bad, 1);
			last = m;
			gettimeofday(&v, 0);
			time(0);
		}
		check();
	}
	return arg;
}

static void *brief(void *arg) { check(); return arg; }

static void *makeThreads(void *arg) {
	pthread_t t;
	while (!over) if (!pthread_create(&t, 0, brief, 0)) pthread_join(t, 0);
	return arg;
}

static void onSignal(int s) {
	struct timeval v;
	int e = errno;
	fake(CLOCK_REALTIME);
	gettimeofday(&v, 0);
	time(0);
	errno = e;
}

static int stress(int seconds) {
	struct sigaction a = {.sa_handler = onSignal, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 1000}, {0, 1000}};
	pthread_t t[5];
	long long end = raw(CLOCK_MONOTONIC) + seconds * 1000000000LL;
	sigaction(SIGALRM, &a, 0);
	sigaction(SIGPROF, &a, 0);
	setitimer(ITIMER_REAL, &often, 0);
	setitimer(ITIMER_PROF, &often, 0);
	for (int i = 0; i < 5; i++) pthread_create(t + i, 0, i ? spin : makeThreads, 0);
	printf("ready\n");
	fflush(stdout);
	while (raw(CLOCK_MONOTONIC) < end) usleep(10000);
	over = 1;
	for (int i = 0; i < 5; i++) pthread_join(t[i], 0);
	printf("readings=%ld ahead=%ld bad=%ld\n", readings, ahead, bad);
	return 0;
}

int main(int n, char **args) {
	char line[64], *mode = n > 1 ? args[1] : "";
	int first = 1;
	if (!strcmp(mode, "stress")) return stress(atoi(args[2]));
	setvbuf(stdin, 0, _IONBF, 0);
	if (!strcmp(mode, "spin"))
		for (int i = 0; i < 3; i++) { pthread_t t; pthread_create(&t, 0, spin, 0); }
	if (!strcmp(mode, "execed")) answer();
	while (fgets(line, sizeof line, stdin)) {
		if (!strcmp(mode, "fork")) {
			pid_t child = fork();
			if (!child) { answer(); pause(); }
		} else if (!strncmp(mode, "exec", 4) && !first) {
			execl("/proc/self/exe", "clock", "execed", (char *)0);
		} else answer();
		first = 0;
	}
	return 0;
}
