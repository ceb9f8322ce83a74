# What `cmake --install` puts where. The installed program finds libtorch in the wheel's folder that
# it was built with, or beside it with SD_BUNDLE_LIBTORCH. engine.cpp looks for the engine in ../lib.
option(SD_BUNDLE_LIBTORCH "Install the CPU part of libtorch too: sd then runs without the wheel" OFF)

if(NOT TARGET sd OR NOT TARGET sd_core)
  return()
endif()

set(installed_libraries sd_core)
if(SD_BUNDLE_LIBTORCH)
  set(install_rpath "$ORIGIN/../lib" "$ORIGIN")
  foreach(library libtorch_cpu.so libc10.so libgomp.so.1 libcudart.so.13 libcupti.so.13)
    find_file(bundled_${library} ${library} PATHS ${SD_TORCH_RPATH} NO_DEFAULT_PATH REQUIRED)
    file(REAL_PATH "${bundled_${library}}" real_file)
    install(PROGRAMS "${real_file}" DESTINATION lib RENAME ${library})
  endforeach()
else()
  set(install_rpath "$ORIGIN/../lib" "$ORIGIN" ${SD_TORCH_RPATH})
  if(TARGET sd_cuda)
    list(APPEND installed_libraries sd_cuda)
  endif()
endif()

set_target_properties(sd ${installed_libraries} PROPERTIES INSTALL_RPATH "${install_rpath}")
install(TARGETS sd ${installed_libraries} RUNTIME DESTINATION bin LIBRARY DESTINATION lib)

# For programs of others: find_package(sd), target sd::sd.
include(CMakePackageConfigHelpers)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/sdConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(TARGETS sd_api EXPORT sdTargets LIBRARY DESTINATION lib)
install(EXPORT sdTargets NAMESPACE sd:: FILE sdConfig.cmake DESTINATION lib/cmake/sd)
install(FILES "${CMAKE_BINARY_DIR}/sdConfigVersion.cmake" DESTINATION lib/cmake/sd)
install(DIRECTORY include/sd "${CMAKE_BINARY_DIR}/include/sd" DESTINATION include
        FILES_MATCHING PATTERN "*.h")
install(DIRECTORY models/ DESTINATION share/sd/models)
install(FILES LICENSE NOTICE DESTINATION share/doc/sd)
install(FILES "${CMAKE_BINARY_DIR}/sd.1" DESTINATION share/man/man1)
