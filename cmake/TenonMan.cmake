# Manual pages: each program writes its own (--man), from the table that its --help is printed from.
set(TENON_PROGRAMS "")
foreach(folder examples tools)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(t IN LISTS targets)
    get_target_property(type ${t} TYPE)
    if(type STREQUAL EXECUTABLE)
      list(APPEND TENON_PROGRAMS ${t})
    endif()
  endforeach()
endforeach()

set(TENON_MAN_PAGES "")
if(NOT CMAKE_CROSSCOMPILING) # then they cannot be asked
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/man)
  foreach(p IN LISTS TENON_PROGRAMS)
    set(page ${PROJECT_BINARY_DIR}/man/${p}.1)
    add_custom_command(OUTPUT ${page} COMMAND ${p} --man > ${page}.new
                       COMMAND ${CMAKE_COMMAND} -E rename ${page}.new ${page} DEPENDS ${p} VERBATIM)
    list(APPEND TENON_MAN_PAGES ${page})
  endforeach()
  add_custom_target(tenon_man ALL DEPENDS ${TENON_MAN_PAGES})
endif()
