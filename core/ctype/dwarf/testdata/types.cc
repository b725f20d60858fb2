// C++: namespaces, templates, bases, references, nested and local classes.
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ns {
template <typename T> struct vec { T *data; unsigned long len; struct iter { T *at; }; iter begin() { return {data}; } };
namespace inner { enum class mode : unsigned char { off, on = 200 }; struct deep { mode m; int d; }; }
class Base { public: virtual ~Base() {} int base_field = 1; static int shared; };
class Other { public: long other_field = 2; };
class Derived : public Base, protected Other { public: int own = 3; struct Nested; Nested *nested; int &ref; int &&rref; Derived(int &r) : nested(nullptr), ref(r), rref((int &&)r) {} int method(int x) const { return x + own; } };
struct Derived::Nested { int inside; };
class VBase : public virtual Base { public: int v = 4; };
int Base::shared = 5;
int global_in_ns = 6;
__attribute__((noinline)) int work(vec<int> &v, Derived *d) { int total = 0; for (unsigned long i = 0; i < v.len; i++) total += v.data[i]; return total + d->method(global_in_ns); }
}
namespace { struct hidden { int h; }; hidden concealed = {7}; }
using intvec = ns::vec<int>;
int ns::Base::*member_pointer = &ns::Base::base_field;
int (ns::Derived::*method_pointer)(int) const = &ns::Derived::method;
std::nullptr_t null_value = nullptr;
ns::inner::deep deep_value;
std::map<std::string, std::vector<int>> table;
enum plain { P0, P1 };

int main(int argc, char **argv)
{
	int arr[3] = {1, 2, 3};
	intvec v = {arr, 3};
	ns::Derived d(argc);
	ns::Derived::Nested n = {8};
	d.nested = &n;
	ns::VBase vb;
	auto p = std::make_unique<ns::inner::deep>();
	auto lambda = [&](int k) { return k + argc; };
	table["a"].push_back(ns::work(v, &d));
	plain pl = P1;
	std::printf("%d %d %d %d %d %d\n", table["a"][0], concealed.h, lambda(1), (int)v.begin().at[0], vb.v + (int)p->m, pl);
	return 0;
}
