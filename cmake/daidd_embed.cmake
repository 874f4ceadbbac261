# daidd_embed(TARGET FUNCTION FILE)
#
# Compiles the bytes of FILE into TARGET as `std::string_view daidd::TARGET::FUNCTION()`, which
# src/TARGET/FUNCTION.h declares.
function(daidd_embed TARGET FUNCTION FILE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FILE})
  file(READ ${FILE} digits HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" digits "${digits}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${digits}")
  set(source ${PROJECT_BINARY_DIR}/embedded/${FUNCTION}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
#include "@TARGET@/@FUNCTION@.h"

namespace daidd::@TARGET@ {

namespace {

constexpr unsigned char kBytes[] = {
@bytes@};

}  // namespace

std::string_view @FUNCTION@() { return {reinterpret_cast<const char*>(kBytes), sizeof kBytes}; }

}  // namespace daidd::@TARGET@
]])
  target_sources(${TARGET} PRIVATE ${source})
endfunction()
