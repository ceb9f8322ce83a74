# How every target of the project is made.
#
#   sd_library(NAME [PCH tensor|module] SOURCES … [LIBRARIES …])   a static library
#   sd_test(NAME [PCH tensor|module] SOURCES … [LIBRARIES …])      one GoogleTest program, one ctest
#
# PCH tensor: precompiled ATen core and operator headers; PCH module: those and torch/nn/module.h,
# for networks. Both need LIBRARIES libtorch::cpu, directly or through another library. Without PCH
# the standard library's and nlohmann's headers are precompiled; in tests always GoogleTest's, too.

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

# What only drives the code under test need not be fast itself, but compile fast.
set(SD_TEST_OPTIONS -O0)

# A precompiled header of these libraries' users; those of OPTIONS must have them, too.
function(_sd_make_pch name header)
  cmake_parse_arguments(arg "" "" "LIBRARIES;OPTIONS" ${ARGN})
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/pch/${name}.cpp" CONTENT "// Carries a precompiled header.\n")
  add_library(sd_pch_${name} STATIC "${CMAKE_BINARY_DIR}/pch/${name}.cpp")
  target_link_libraries(sd_pch_${name} PRIVATE ${arg_LIBRARIES})
  target_compile_options(sd_pch_${name} PRIVATE ${arg_OPTIONS})
  target_include_directories(sd_pch_${name} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}")
  target_precompile_headers(sd_pch_${name} PRIVATE "${PROJECT_SOURCE_DIR}/${header}")
endfunction()
_sd_make_pch(plain src/core/precompiled.h LIBRARIES nlohmann_json::nlohmann_json)
_sd_make_pch(tensor src/core/tensor_ops.h LIBRARIES libtorch::cpu)
_sd_make_pch(module src/nn/module.h LIBRARIES libtorch::cpu)
if(SD_TESTS)
  set(tests_need GTest::gtest GTest::gmock nlohmann_json::nlohmann_json)
  _sd_make_pch(test tests/support/precompiled.h LIBRARIES ${tests_need} OPTIONS ${SD_TEST_OPTIONS})
  _sd_make_pch(test_torch tests/support/precompiled_torch.h LIBRARIES ${tests_need} libtorch::cpu
               OPTIONS ${SD_TEST_OPTIONS})
endif()

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
  if(NOT arg_PCH)
    set(arg_PCH plain)
  endif()
  _sd_configure(${name} ${arg_PCH})
endfunction()

function(sd_test name)
  cmake_parse_arguments(arg "" "PCH" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} GTest::gtest_main GTest::gmock)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(${name} PRIVATE SD_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  target_compile_options(${name} PRIVATE ${SD_TEST_OPTIONS})
  if(arg_PCH)
    _sd_configure(${name} test_torch)
  else()
    _sd_configure(${name} test)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600)
endfunction()
