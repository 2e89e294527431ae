# cmake -D OUT=migrations.cpp -D DIR=migrations -P embed_migrations.cmake: each NNNN_name.sql becomes a string in OUT.
file(GLOB files ${DIR}/[0-9][0-9][0-9][0-9]_*.sql)
list(SORT files)
set(rows "")
foreach(path IN LISTS files)
  get_filename_component(name ${path} NAME)
  string(REGEX MATCH "^0*([1-9][0-9]*)_" ignored ${name})
  set(version ${CMAKE_MATCH_1})
  file(READ ${path} sql)
  string(APPEND rows "    {${version}, \"${name}\", R\"~sql~(${sql})~sql~\"},\n")
endforeach()
file(WRITE ${OUT} "// Made from daemon/store/migrations; do not edit.
#include \"daemon/store/migrate.hpp\"

namespace imapcopy::store {
namespace {

constexpr Migration table[] = {
${rows}};

}  // namespace

std::span<Migration const> migrations() { return table; }

}  // namespace imapcopy::store
")
