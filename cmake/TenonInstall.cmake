# cmake --install: headers, both libraries, programs, a CMake package and tenon.pc. The installed tree may
# be moved: nothing in it holds the prefix.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tenon)

install(DIRECTORY include/tenon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
foreach(kind static shared)
  install(TARGETS tenon_${kind} EXPORT tenon_${kind} DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
if(TENON_CUDA_MODULE) # beside the library, where it looks for it
  install(TARGETS tenon_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/tenon)
endif()
if(TENON_MPI_FOUND)
  install(TARGETS tenon_mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/tenon)
endif()
set_target_properties(tenon_depends PROPERTIES EXPORT_NAME depends)
install(TARGETS tenon_depends EXPORT tenon_static)
foreach(kind static shared)
  install(EXPORT tenon_${kind} NAMESPACE tenon:: DESTINATION ${package_dir} FILE tenon-${kind}.cmake)
endforeach()

if(TENON_EXAMPLES)
  set(programs)
  foreach(folder examples tools)
    get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
    list(APPEND programs ${targets})
  endforeach()
  list(REMOVE_ITEM programs tenon_examples tenon_tools)
  file(RELATIVE_PATH to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(${programs} PROPERTIES INSTALL_RPATH "$ORIGIN/${to_lib}")
  install(TARGETS ${programs} DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

configure_package_config_file(cmake/tenonConfig.cmake.in tenonConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(tenonConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tenonConfig.cmake cmake/TenonDnnl.cmake
        ${CMAKE_CURRENT_BINARY_DIR}/tenonConfigVersion.cmake DESTINATION ${package_dir})

# What a program that links libtenon.a has to name as well.
set(TENON_PC_PRIVATE "-ldnnl -lcjson")
if(TENON_JPEG_CROPS)
  string(APPEND TENON_PC_PRIVATE " -ljpeg")
endif()
string(APPEND TENON_PC_PRIVATE " ${OpenMP_C_FLAGS} -pthread -lm")
file(RELATIVE_PATH TENON_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" TENON_PC_PREFIX "${TENON_PC_PREFIX}")
configure_file(cmake/tenon.pc.in tenon.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tenon.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
