//! regex_tool
