/* Two threads that lock two mutexes in opposite order, a third that joins one of
 * them, and a recursive mutex held twice. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t second = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t twice = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
pthread_mutex_t idle = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;

static void *
take(void *arg)
{
	pthread_mutex_t *a = arg ? &first : &second, *b = arg ? &second : &first;

	pthread_mutex_lock(a);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(b);
	return (NULL);
}

static void *
join(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	return (NULL);
}

int
main(void)
{
	pthread_t one, two, three;

	pthread_mutex_lock(&twice);
	pthread_mutex_lock(&twice);
	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&one, NULL, take, &one);
	pthread_create(&two, NULL, take, NULL);
	pthread_create(&three, NULL, join, &one);
	sleep(1);
	puts("ready");
	fflush(stdout);
	pause();
	return (0);
}
