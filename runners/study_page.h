// A study's report as one self-contained web page: tables, then figures as inline SVG. It needs no
// script and nothing from elsewhere, is well-formed XML besides, and prints.
#pragma once

#include <string>

#include "runners/study_report.h"

namespace costate {

std::string to_html(const StudyReport& report);

}  // namespace costate
