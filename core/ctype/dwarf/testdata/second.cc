// A second unit that shares types with types.cc through the standard library.
#include <map>
#include <string>
#include <vector>
namespace ns { struct Shared { std::string name; int n; }; }
ns::Shared shared_one;
std::map<std::string, std::vector<int>> second_table;
int count_second() { return (int)second_table.size() + shared_one.n; }
