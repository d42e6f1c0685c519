//! The systemd journal through libsystemd's stable C interface, loaded at run time, so that the
//! program also starts where the library is absent.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

/// An opened journal in the library's hands.
type Raw = *mut c_void;

/// The library's functions, under their names in `sd-journal.h` without `sd_journal_`.
struct Library {
    open: unsafe extern "C" fn(*mut Raw, c_int) -> c_int,
    open_namespace: unsafe extern "C" fn(*mut Raw, *const c_char, c_int) -> c_int,
    open_directory: unsafe extern "C" fn(*mut Raw, *const c_char, c_int) -> c_int,
    open_files: unsafe extern "C" fn(*mut Raw, *const *const c_char, c_int) -> c_int,
    close: unsafe extern "C" fn(Raw),
    next: unsafe extern "C" fn(Raw) -> c_int,
    previous: unsafe extern "C" fn(Raw) -> c_int,
    seek_tail: unsafe extern "C" fn(Raw) -> c_int,
    seek_realtime_usec: unsafe extern "C" fn(Raw, u64) -> c_int,
    seek_cursor: unsafe extern "C" fn(Raw, *const c_char) -> c_int,
    test_cursor: unsafe extern "C" fn(Raw, *const c_char) -> c_int,
    get_cursor: unsafe extern "C" fn(Raw, *mut *mut c_char) -> c_int,
    get_realtime_usec: unsafe extern "C" fn(Raw, *mut u64) -> c_int,
    get_monotonic_usec: unsafe extern "C" fn(Raw, *mut u64, *mut u128) -> c_int,
    restart_data: unsafe extern "C" fn(Raw),
    enumerate_data: unsafe extern "C" fn(Raw, *mut *const u8, *mut usize) -> c_int,
    add_match: unsafe extern "C" fn(Raw, *const u8, usize) -> c_int,
    add_disjunction: unsafe extern "C" fn(Raw) -> c_int,
    flush_matches: unsafe extern "C" fn(Raw),
    get_fd: unsafe extern "C" fn(Raw) -> c_int,
    reliable_fd: unsafe extern "C" fn(Raw) -> c_int,
    process: unsafe extern "C" fn(Raw) -> c_int,
}

/// The library, loaded at the first call; `None` if this machine does not have it.
fn library() -> Option<&'static Library> {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    LIBRARY.get_or_init(load).as_ref()
}

fn load() -> Option<Library> {
    // SAFETY: the name is a C string; libsystemd has no initialiser that could misbehave.
    let handle = unsafe { libc::dlopen(c"libsystemd.so.0".as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if handle.is_null() {
        return None;
    }
    macro_rules! function {
        ($name:literal) => {{
            let name = concat!("sd_journal_", $name, "\0");
            // SAFETY: the handle is valid and never closed; the name ends in NUL.
            let symbol = unsafe { libc::dlsym(handle, name.as_ptr().cast()) };
            if symbol.is_null() {
                return None;
            }
            // SAFETY: this is the function of that name, whose type `sd-journal.h` fixes for all
            // versions of libsystemd.so.0; the field it goes to has that type.
            #[allow(clippy::missing_transmute_annotations, reason = "the field has the type")]
            unsafe {
                std::mem::transmute(symbol)
            }
        }};
    }
    Some(Library {
        open: function!("open"),
        open_namespace: function!("open_namespace"),
        open_directory: function!("open_directory"),
        open_files: function!("open_files"),
        close: function!("close"),
        next: function!("next"),
        previous: function!("previous"),
        seek_tail: function!("seek_tail"),
        seek_realtime_usec: function!("seek_realtime_usec"),
        seek_cursor: function!("seek_cursor"),
        test_cursor: function!("test_cursor"),
        get_cursor: function!("get_cursor"),
        get_realtime_usec: function!("get_realtime_usec"),
        get_monotonic_usec: function!("get_monotonic_usec"),
        restart_data: function!("restart_data"),
        enumerate_data: function!("enumerate_data"),
        add_match: function!("add_match"),
        add_disjunction: function!("add_disjunction"),
        flush_matches: function!("flush_matches"),
        get_fd: function!("get_fd"),
        reliable_fd: function!("reliable_fd"),
        process: function!("process"),
    })
}

/// Whether libsystemd is there.
pub fn available() -> bool {
    library().is_some()
}

/// Which journal to open.
#[derive(Clone, Debug)]
pub enum Open<'a> {
    System { flags: i32 },
    Namespace { name: &'a str, flags: i32 },
    Directory { path: &'a Path, flags: i32 },
    Files(&'a [std::path::PathBuf]),
}

/// What changed since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Nothing,
    /// Entries were appended.
    Appended,
    /// Journal files came or went (rotation, vacuum).
    Files,
}

/// An opened journal and the reading position in it.
#[derive(Debug)]
pub struct Journal {
    raw: Raw,
    fd: c_int,
}

impl Journal {
    /// Opens a journal; the error is the library's `errno`, or `Unsupported` without the library.
    pub fn open(what: &Open<'_>) -> io::Result<Journal> {
        let library = library().ok_or(io::ErrorKind::Unsupported)?;
        let mut raw: Raw = ptr::null_mut();
        // SAFETY (all four): `raw` is a valid place for the result; strings and the list of strings
        // end in NUL and live until the call returns.
        let result = match what {
            Open::System { flags } => unsafe { (library.open)(&mut raw, *flags) },
            Open::Namespace { name, flags } => {
                let name = CString::new(*name)?;
                unsafe { (library.open_namespace)(&mut raw, name.as_ptr(), *flags) }
            }
            Open::Directory { path, flags } => {
                let path = c_path(path)?;
                unsafe { (library.open_directory)(&mut raw, path.as_ptr(), *flags) }
            }
            Open::Files(paths) => {
                let paths = paths.iter().map(|p| c_path(p)).collect::<io::Result<Vec<_>>>()?;
                let list: Vec<*const c_char> =
                    paths.iter().map(|p| p.as_ptr()).chain([ptr::null()]).collect();
                unsafe { (library.open_files)(&mut raw, list.as_ptr(), 0) }
            }
        };
        check(result)?;
        let mut journal = Journal { raw, fd: -1 };
        // Now, so that nothing appended from here on goes unnoticed.
        journal.fd = journal.call(|library| library.get_fd)?;
        Ok(journal)
    }

    fn library(&self) -> &'static Library {
        library().expect("a journal was opened by the library")
    }

    /// Calls a function that takes nothing but the journal.
    fn call(&self, function: impl Fn(&Library) -> unsafe extern "C" fn(Raw) -> c_int) -> io::Result<c_int> {
        // SAFETY: `raw` is open until drop, and used by one thread at a time (it is not Sync).
        check(unsafe { function(self.library())(self.raw) })
    }

    /// Moves to the next entry; false at the end.
    pub fn advance(&mut self) -> io::Result<bool> {
        Ok(self.call(|library| library.next)? > 0)
    }

    /// Moves to the entry before; false at the beginning.
    pub fn retreat(&mut self) -> io::Result<bool> {
        Ok(self.call(|library| library.previous)? > 0)
    }

    /// Before the end; [`Journal::retreat`] then gives the last entry.
    pub fn seek_tail(&mut self) -> io::Result<()> {
        self.call(|library| library.seek_tail).map(drop)
    }

    /// To a time in microseconds since 1970.
    pub fn seek_realtime(&mut self, usec: u64) -> io::Result<()> {
        // SAFETY: as in `call`.
        check(unsafe { (self.library().seek_realtime_usec)(self.raw, usec) }).map(drop)
    }

    /// To the entry of a cursor, or the place where it was.
    pub fn seek_cursor(&mut self, cursor: &str) -> io::Result<()> {
        let cursor = CString::new(cursor)?;
        // SAFETY: as in `call`; the cursor ends in NUL.
        check(unsafe { (self.library().seek_cursor)(self.raw, cursor.as_ptr()) }).map(drop)
    }

    /// Whether the present entry is that of a cursor.
    pub fn is_at(&mut self, cursor: &str) -> io::Result<bool> {
        let cursor = CString::new(cursor)?;
        // SAFETY: as in `call`; the cursor ends in NUL.
        Ok(check(unsafe { (self.library().test_cursor)(self.raw, cursor.as_ptr()) })? > 0)
    }

    /// Name of the present entry.
    pub fn cursor(&self) -> io::Result<String> {
        let mut text: *mut c_char = ptr::null_mut();
        // SAFETY: as in `call`; `text` is a valid place for the result.
        check(unsafe { (self.library().get_cursor)(self.raw, &mut text) })?;
        // SAFETY: on success `text` is a C string allocated with malloc that now belongs to us.
        unsafe {
            let cursor = CStr::from_ptr(text).to_string_lossy().into_owned();
            libc::free(text.cast());
            Ok(cursor)
        }
    }

    /// When journald got the present entry, in microseconds since 1970.
    pub fn realtime(&self) -> io::Result<u64> {
        let mut usec = 0;
        // SAFETY: as in `call`; `usec` is a valid place for the result.
        check(unsafe { (self.library().get_realtime_usec)(self.raw, &mut usec) })?;
        Ok(usec)
    }

    /// The same in microseconds since the boot in which it was.
    pub fn monotonic(&self) -> io::Result<u64> {
        let (mut usec, mut boot) = (0, 0_u128);
        // SAFETY: as in `call`; the places for the results are valid (a boot id has 16 bytes).
        check(unsafe { (self.library().get_monotonic_usec)(self.raw, &mut usec, &mut boot) })?;
        Ok(usec)
    }

    /// Hands all fields of the present entry, as `NAME=value`, to `field`.
    pub fn fields(&mut self, field: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let library = self.library();
        // SAFETY: as in `call`.
        unsafe { (library.restart_data)(self.raw) };
        let (mut data, mut length) = (ptr::null(), 0);
        // SAFETY: as in `call`; the places for the results are valid.
        while check(unsafe { (library.enumerate_data)(self.raw, &mut data, &mut length) })? > 0 {
            // SAFETY: the library gave this memory, valid until its next call; `field` cannot make one,
            // since this borrows the journal.
            field(unsafe { std::slice::from_raw_parts(data, length) });
        }
        Ok(())
    }

    /// Replaces what entries have to match: each group's terms `NAME=value` are ANDed (ORed where the
    /// name is the same), the groups are ORed. No groups: everything.
    pub fn set_matches<'m>(&mut self, groups: impl IntoIterator<Item = &'m [String]>) -> io::Result<()> {
        let library = self.library();
        // SAFETY: as in `call`.
        unsafe { (library.flush_matches)(self.raw) };
        for group in groups {
            for term in group {
                // SAFETY: as in `call`; the library copies the bytes.
                check(unsafe { (library.add_match)(self.raw, term.as_ptr(), term.len()) })?;
            }
            self.call(|library| library.add_disjunction)?;
        }
        Ok(())
    }

    /// Takes note of changes, after the descriptor became readable.
    pub fn process(&mut self) -> io::Result<Changed> {
        Ok(match self.call(|library| library.process)? {
            0 => Changed::Nothing,
            1 => Changed::Appended,
            _ => Changed::Files,
        })
    }

    /// Whether the descriptor reports every change (not on network file systems).
    pub fn reports_changes(&self) -> bool {
        self.call(|library| library.reliable_fd).is_ok_and(|reliable| reliable > 0)
    }
}

impl AsFd for Journal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the library keeps this descriptor open until the journal is closed.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // SAFETY: opened by the library, closed once.
        unsafe { (self.library().close)(self.raw) };
    }
}

/// Negative results are error numbers.
fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
}

fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_encoded_bytes())?)
}
