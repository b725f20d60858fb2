/* A module of the program in plain.c: its BTF is split off it. */
struct node { struct node *next; long value; char tag[12]; unsigned a : 3, b : 17; };
struct extra { struct node n; struct extra *up; int more; struct absent *gone; enum level { LOW, HIGH = 70000 } level; };
struct extra one;
int twist(struct extra *e, ...) { return e->n.value; }
