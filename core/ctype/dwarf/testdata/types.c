/* Types of every kind that C has, and functions with things to look at. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <complex.h>

struct node { struct node *next; int value; char tag[12]; };
typedef struct node node_t;

struct flags {
	unsigned a : 1, b : 3;
	int c : 7;
	unsigned long long d : 40;
	signed char e : 4;
	_Bool f : 1;
	unsigned : 0;
	unsigned g : 31;
};

struct __attribute__((packed)) packed {
	char a;
	unsigned b : 5, c : 13;
	long d;
	unsigned e : 30;
	char f;
};

union anything { int i; float f; double d; long double ld; char bytes[16]; struct flags fl; };

struct outer {
	int kind;
	union { int i; struct { short lo, hi; }; };
	struct { int x, y; } named;
	int matrix[2][3][4];
	int (*callback)(struct outer *, const char *, ...);
	const volatile char *const text;
	int *restrict p;
	_Atomic int counter;
	struct opaque *hidden;
	float complex fc;
	double complex dc;
	__int128 wide;
	size_t tail_len;
	char tail[];
};

enum color { RED, GREEN = 5, BLUE = -3 };
enum bits { B_ONE = 1, B_TWO = 2, B_TOP = 0x80000000u };
enum big { BIG = 0x7fffffffffffffffLL };
typedef enum { ANON_A, ANON_B } anon_enum;
typedef int (*handler)(int, node_t *);
typedef int vec4[4];
struct empty { };
struct zero { int n; int none[0]; };

node_t first = { NULL, 42, "first" };
static struct flags some_flags = { 1, 5, -3, 0x123456789aULL, -2, 1, 77 };
struct packed some_packed;
union anything some_union;
struct outer *an_outer;
enum color shade = BLUE;
enum bits bitset = B_TWO;
enum big bigvalue;
anon_enum anon;
handler handlers[3];
vec4 quad;
struct empty nothing;
struct zero nada;
__thread int per_thread = 9;
const struct { int hidden_in; } nameless = { 3 };
long unsigned int lui; unsigned char uc; signed char sc; short unsigned int sui; long long ll;
_Bool truth; long double ld; float fl; double db; wchar_t wc;

static inline __attribute__((always_inline)) int twice(int n)
{
	int doubled = n * 2;
	return doubled + first.value;
}

__attribute__((noinline)) int work(int count, node_t *list)
{
	static int calls = 7;
	struct local { int here; char c; } loc = { count, 'x' };
	int sum = 0;
	for (int i = 0; i < count; i++) {
		int square = i * i;
		sum += square + twice(i) + loc.here;
		calls++;
		printf("%d %d\n", square, sum);
	}
	return sum + list->value + calls;
}

int main(int argc, char **argv)
{
	int r = work(argc, &first);
	printf("%d %d %p\n", r, some_flags.b, (void *)&per_thread);
	return argv[0] == NULL;
}
