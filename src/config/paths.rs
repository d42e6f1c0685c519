//! Path arithmetic as Python's `os.path` does it: on text.

/// Python's `os.path.split`.
pub fn split(path: &str) -> (&str, &str) {
    let (head, name) = path.split_at(path.rfind('/').map_or(0, |at| at + 1));
    let trimmed = head.trim_end_matches('/');
    (if trimmed.is_empty() { head } else { trimmed }, name)
}

/// Python's `os.path.splitext(path)[0]`: leading dots of the name are no extension.
pub fn without_extension(path: &str) -> &str {
    let name_at = path.rfind('/').map_or(0, |at| at + 1);
    let name = &path[name_at..];
    let dots = name.len() - name.trim_start_matches('.').len();
    match name[dots..].rfind('.') {
        Some(dot) => &path[..name_at + dots + dot],
        None => path,
    }
}

/// Python's `os.path.join`.
pub fn join(folder: &str, name: &str) -> String {
    if name.starts_with('/') || folder.is_empty() {
        name.to_owned()
    } else if folder.ends_with('/') {
        format!("{folder}{name}")
    } else {
        format!("{folder}/{name}")
    }
}

/// A name starting with `./` counts from the working directory.
pub fn absolute(name: &str) -> String {
    let Some(rest) = name.strip_prefix("./") else { return name.to_owned() };
    let mut path = std::env::current_dir().unwrap_or_default();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    crate::file_name::decode(path.as_os_str())
}
