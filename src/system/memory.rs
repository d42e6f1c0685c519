//! Memory that is no longer needed.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

/// Tag of a table entry in the `PT_DYNAMIC` segment: relocations wrote to the code; and the same as a flag.
const DT_TEXTREL: usize = 22;
const DT_FLAGS: usize = 30;
const DF_TEXTREL: usize = 4;

/// Gives back what only the past needed, e.g. after a start: free heap, and code.
pub fn give_back() {
    // SAFETY: the heap's own business; it needs nothing.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
    give_back_code();
}

/// Gives back the pages of code and constants of this program and its libraries. They stay in the page cache; those that
/// are needed again are mapped again, which is cheap.
pub fn give_back_code() {
    // SAFETY: the callback has the right type and takes no data.
    unsafe { libc::dl_iterate_phdr(Some(unmap_code), std::ptr::null_mut()) };
}

/// Unmaps the pages of one program or library that are as they are in its file.
///
/// # Safety
/// To be called by `dl_iterate_phdr`, whose `info` describes an object that is mapped.
unsafe extern "C" fn unmap_code(info: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
    // SAFETY: `info` and the headers it points to are valid during the call.
    let (base, headers) = unsafe {
        let info = &*info;
        (info.dlpi_addr as usize, std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()))
    };
    // SAFETY: sysconf has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    // SAFETY: the address is that of the object's own table.
    if headers
        .iter()
        .any(|h| h.p_type == libc::PT_DYNAMIC && unsafe { code_was_written(base, h.p_vaddr as usize) })
    {
        return 0;
    }
    for header in headers.iter().filter(|h| h.p_type == libc::PT_LOAD && h.p_flags & libc::PF_W == 0) {
        let start = base + header.p_vaddr as usize;
        let (from, to) = (start / page * page, (start + header.p_memsz as usize) / page * page);
        // SAFETY: whole pages of a mapping that cannot be written and that nothing was written to: the kernel
        // reads the same bytes from the file when they are needed again. It refuses what is no such mapping.
        unsafe { libc::madvise(from as *mut c_void, to.saturating_sub(from), libc::MADV_DONTNEED) };
    }
    0
}

/// Whether the dynamic linker had to write to the code (which no compiler of today lets it do).
///
/// # Safety
/// At `base + table` there is a dynamic table: pairs of a tag and a value, the last with tag 0.
unsafe fn code_was_written(base: usize, table: usize) -> bool {
    let mut entry = (base + table) as *const [usize; 2];
    loop {
        // SAFETY: as the caller vouches; the end has not been met yet.
        match unsafe { *entry } {
            [0, _] => return false,
            [DT_TEXTREL, _] => return true,
            [DT_FLAGS, flags] if flags & DF_TEXTREL != 0 => return true,
            // SAFETY: this was not the last.
            _ => entry = unsafe { entry.add(1) },
        }
    }
}
