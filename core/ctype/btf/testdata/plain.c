/* C without headers, for targets whose headers are not installed. */
struct node { struct node *next; long value; char tag[12]; unsigned a : 3, b : 17; };
union mixed { struct node n; double d; int grid[2][5]; };
enum kind { K_A = -1, K_B = 7 };
struct node head = { 0, 4, "head", 1, 2 };
union mixed mixture;
enum kind what = K_B;
int sum(struct node *n, int limit)
{
	int total = 0;
	for (; n && limit; n = n->next, limit--) {
		int part = n->value + n->b;
		total += part;
	}
	return total;
}
