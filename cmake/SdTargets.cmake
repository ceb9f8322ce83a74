# How every target of the project is made.
#
#   sd_library(NAME [PCH tensor|module] SOURCES … [LIBRARIES …])   a static library
#   sd_test(NAME [PCH tensor|module] SOURCES … [LIBRARIES …])      one GoogleTest program, one ctest
#
# PCH tensor: precompiled ATen core and operator headers; PCH module: those and torch/nn/module.h,
# for networks. Both need LIBRARIES libtorch::cpu, directly or through another library.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_BUILD_RPATH "${SD_TORCH_RPATH}")
set(CMAKE_BUILD_RPATH_USE_ORIGIN OFF)

find_program(SD_CCACHE ccache)
if(SD_CCACHE)  # what ccache needs to be told to work with precompiled headers
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;CCACHE_BASEDIR=${CMAKE_SOURCE_DIR};CCACHE_NOHASHDIR=1;${SD_CCACHE}")
  add_compile_options(-fpch-preprocess)
endif()
# -fPIC for programs, too: the precompiled headers are shared with the libraries.
add_compile_options(-fPIC)
# -Wrestrict of g++ 12 cries wolf at std::string's operator+.
add_compile_options(-Wall -Wextra -Wno-sign-compare -Wno-restrict)
if(SD_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

function(_sd_make_pch name header)
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/pch/${name}.cpp" CONTENT "// Carries a precompiled header.\n")
  add_library(sd_pch_${name} STATIC "${CMAKE_BINARY_DIR}/pch/${name}.cpp")
  target_link_libraries(sd_pch_${name} PRIVATE libtorch::cpu)
  target_include_directories(sd_pch_${name} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
  target_precompile_headers(sd_pch_${name} PRIVATE "${PROJECT_SOURCE_DIR}/src/${header}")
endfunction()
_sd_make_pch(tensor core/tensor_ops.h)
_sd_make_pch(module nn/module.h)

function(_sd_configure target pch)
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
  if(pch)
    target_precompile_headers(${target} REUSE_FROM sd_pch_${pch})
  endif()
endfunction()

function(sd_library name)
  cmake_parse_arguments(arg "" "PCH" "SOURCES;LIBRARIES" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_LIBRARIES})
  _sd_configure(${name} "${arg_PCH}")
endfunction()

function(sd_test name)
  cmake_parse_arguments(arg "" "PCH" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} GTest::gtest_main GTest::gmock)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(${name} PRIVATE SD_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  _sd_configure(${name} "${arg_PCH}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600)
endfunction()
