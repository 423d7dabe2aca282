// SPDX-License-Identifier: Apache-2.0
//! What rust-vmm's vm-memory takes for the operations of the comparison.
//! Usage: compare MILLISECONDS GROUP...; prints "operation nanoseconds" lines.
//!
//! Every loop is the same on all sides: the address follows from a counter, a stop flag is read after
//! each operation, what memory holds is forgotten, and each result is consumed.
use std::alloc::{alloc_zeroed, Layout};
use std::arch::asm;
use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vm_memory::bitmap::{AtomicBitmap, Bitmap};
use vm_memory::{ByteValued, Bytes, GuestAddress, GuestMemory, GuestMemoryMmap, VolatileMemory};

const BASE: u64 = 0x10_0000;
const REGION: u64 = 4 << 20;
const WINDOW: u64 = 16 << 10;
const MIB: u64 = 1 << 20;
const REGIONS: u64 = 256;
const ORDER: u64 = 4096;

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Object {
    words: [u64; 12],
}
// SAFETY: plain data without padding.
unsafe impl ByteValued for Object {}

static STOP: AtomicBool = AtomicBool::new(false);

/// The offset of the n-th operation that walks through the window.
#[inline(always)]
fn walk(n: u64, stride: u64) -> u64 {
    (n * stride) & (WINDOW.max(stride) - 1)
}

/// Uses a value in a register and forgets what memory holds. `black_box` would spill the value to
/// the stack, which the others do not.
#[inline(always)]
fn consume(value: u64) {
    // SAFETY: no instruction.
    unsafe { asm!("/* {0} */", in(reg) value, options(nostack, preserves_flags)) }
}

/// Nanoseconds per operation; the caller sets the flag's timer.
#[inline(always)]
fn run(mut operation: impl FnMut(u64) -> u64) -> f64 {
    let mut n = 0u64;
    let begin = Instant::now();
    loop {
        consume(operation(n));
        n += 1;
        if STOP.load(Ordering::Relaxed) {
            break;
        }
    }
    begin.elapsed().as_nanos() as f64 / n as f64
}

fn timed<T>(millis: u64, body: impl FnOnce() -> T) -> T {
    STOP.store(false, Ordering::SeqCst);
    let timer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(millis));
        STOP.store(true, Ordering::SeqCst);
    });
    let result = body();
    timer.join().unwrap();
    result
}

fn print(id: &str, ns: f64) {
    println!("{id} {ns:.4}");
}

fn measure(millis: u64, id: &str, operation: impl FnMut(u64) -> u64) {
    print(id, timed(millis, || run(operation)));
}

/// Memory of two neighbouring regions or one, written once so that its pages are there.
fn memory<B: Bitmap + vm_memory::mmap::NewBitmap + 'static>(regions: u64) -> GuestMemoryMmap<B> {
    let ranges: Vec<_> = (0..regions)
        .map(|i| (GuestAddress(BASE + i * REGION), REGION as usize))
        .collect();
    let memory = GuestMemoryMmap::<B>::from_ranges(&ranges).unwrap();
    let ones = vec![1u8; (regions * REGION) as usize];
    memory.write_slice(&ones, GuestAddress(BASE)).unwrap();
    memory
}

/// A page-aligned buffer, as the others have; never freed.
fn buffer(length: usize) -> &'static mut [u8] {
    let layout = Layout::from_size_align(length, 4096).unwrap();
    // SAFETY: fresh zeroed memory of that size.
    let slice = unsafe { std::slice::from_raw_parts_mut(alloc_zeroed(layout), length) };
    slice.fill(1);
    slice
}

fn open(path: &str) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

fn at(offset: u64) -> GuestAddress {
    GuestAddress(BASE + offset)
}

fn scalar(ms: u64) {
    let memory = &memory::<()>(1);
    let memory = black_box(memory);
    measure(ms, "scalar.loop", |n| walk(n, 8));
    measure(ms, "scalar.read8", |n| {
        memory.read_obj::<u64>(at(walk(n, 8))).unwrap()
    });
    measure(ms, "scalar.write8", |n| {
        let o = walk(n, 8);
        memory.write_obj(o, at(o)).unwrap();
        o
    });
    measure(ms, "scalar.loadAcquire2", |n| {
        u64::from(
            memory
                .load::<u16>(at(walk(n, 8)), Ordering::Acquire)
                .unwrap(),
        )
    });
    measure(ms, "scalar.storeRelease2", |n| {
        let o = walk(n, 8);
        memory.store(o as u16, at(o), Ordering::Release).unwrap();
        o
    });
}

fn view(ms: u64) {
    let memory = memory::<()>(1);
    let view = &memory.get_slice(at(0), REGION as usize).unwrap();
    let view = black_box(view);
    measure(ms, "view.read8", |n| {
        view.get_ref::<u64>(walk(n, 8) as usize).unwrap().load()
    });
    measure(ms, "view.write8", |n| {
        let o = walk(n, 8);
        view.get_ref::<u64>(o as usize).unwrap().store(o);
        o
    });
    measure(ms, "view.loadAcquire2", |n| {
        u64::from(
            view.load::<u16>(walk(n, 8) as usize, Ordering::Acquire)
                .unwrap(),
        )
    });
    measure(ms, "view.storeRelease2", |n| {
        let o = walk(n, 8);
        view.store(o as u16, o as usize, Ordering::Release).unwrap();
        o
    });
}

fn copy(ms: u64) {
    let memory = &memory::<()>(1);
    let memory = black_box(memory);
    let mut object = Object::default();
    measure(ms, "copy.read/96", |n| {
        object = memory.read_obj::<Object>(at(walk(n, 64))).unwrap();
        &object as *const Object as u64
    });
    measure(ms, "copy.write/96", |n| {
        memory.write_obj(object, at(walk(n, 64))).unwrap();
        &object as *const Object as u64
    });
    for length in [64u64, 512, 4096, 65536, 1048576] {
        let bytes = black_box(buffer(length as usize));
        measure(ms, &format!("copy.read/{length}"), |n| {
            memory.read_slice(bytes, at(walk(n, length))).unwrap();
            bytes.as_ptr() as u64
        });
        measure(ms, &format!("copy.write/{length}"), |n| {
            memory.write_slice(bytes, at(walk(n, length))).unwrap();
            bytes.as_ptr() as u64
        });
    }
}

fn across(ms: u64) {
    let memory = &memory::<()>(2);
    let memory = black_box(memory);
    // Hidden from the compiler, once.
    let middle = black_box(REGION - 4);
    measure(ms, "across.read/8", |_| {
        memory.read_obj::<u64>(at(middle)).unwrap()
    });
    measure(ms, "across.write/8", |_| {
        memory.write_obj(1u64, at(middle)).unwrap();
        1
    });
    let middle = black_box(REGION - 256);
    let bytes = black_box(buffer(512));
    measure(ms, "across.read/512", |_| {
        memory.read_slice(bytes, at(middle)).unwrap();
        bytes.as_ptr() as u64
    });
    measure(ms, "across.write/512", |_| {
        memory.write_slice(bytes, at(middle)).unwrap();
        bytes.as_ptr() as u64
    });
}

fn dirty(ms: u64) {
    let memory = &memory::<AtomicBitmap>(1);
    let memory = black_box(memory);
    measure(ms, "dirty.write8", |n| {
        let o = walk(n, 8);
        memory.write_obj(o, at(o)).unwrap();
        o
    });
    measure(ms, "dirty.storeRelease2", |n| {
        let o = walk(n, 8);
        memory.store(o as u16, at(o), Ordering::Release).unwrap();
        o
    });
    let bytes = black_box(buffer(4096));
    measure(ms, "dirty.write/4096", |n| {
        memory.write_slice(bytes, at(walk(n, 4096))).unwrap();
        bytes.as_ptr() as u64
    });
}

fn regions(ms: u64) {
    let ranges: Vec<_> = (0..REGIONS)
        .map(|i| (GuestAddress(i * MIB), MIB as usize))
        .collect();
    let memory = &GuestMemoryMmap::<()>::from_ranges(&ranges).unwrap();
    let memory = black_box(memory);
    for i in 0..REGIONS {
        memory.write_obj(1u8, GuestAddress(i * MIB)).unwrap();
    }
    // An address in the next region of the order, on a cache line of the region's own.
    #[inline(always)]
    fn next(n: u64, order: &[u16]) -> GuestAddress {
        let region = u64::from(order[(n & (ORDER - 1)) as usize]);
        GuestAddress(region * MIB + region % 64 * 64)
    }
    let mut order: Vec<u16> = (0..ORDER).map(|i| (i % REGIONS) as u16).collect();
    measure(ms, "regions.loop", |n| next(n, &order).0);
    for name in ["sequence", "random"] {
        measure(ms, &format!("regions.find/{name}"), |n| {
            // The region's address, so that the lookup has a result to consume.
            memory.find_region(next(n, &order)).unwrap() as *const _ as u64
        });
        measure(ms, &format!("regions.read/{name}"), |n| {
            memory.read_obj::<u64>(next(n, &order)).unwrap()
        });
        let mut x = 0x9e37_79b9_7f4a_7c15u64;
        for region in order.iter_mut() {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            *region = ((x >> 32) % REGIONS) as u16;
        }
    }
}

fn threads(ms: u64) {
    let memory = &memory::<()>(1);
    let memory = black_box(memory);
    let mean = |operation: &(dyn Fn(u64) -> f64 + Sync)| {
        timed(ms, || {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| operation(WINDOW));
                let own = operation(0);
                (own + other.join().unwrap()) / 2.0
            })
        })
    };
    let read = mean(&|start| run(|n| memory.read_obj::<u64>(at(start + walk(n, 8))).unwrap()));
    print("threads.read8", read);
    let write = mean(&|start| {
        run(|n| {
            let o = walk(n, 8);
            memory.write_obj(o, at(start + o)).unwrap();
            o
        })
    });
    print("threads.write8", write);
}

fn file(ms: u64) {
    let memory = &memory::<()>(1);
    let memory = black_box(memory);
    let mut zero = open("/dev/zero");
    measure(ms, "file.readZero", |n| {
        memory
            .read_exact_from(at(walk(n, 512)), &mut zero, 512)
            .unwrap();
        0
    });
    let mut null = open("/dev/null");
    measure(ms, "file.writeNull", |n| {
        memory
            .write_all_to(at(walk(n, 512)), &mut null, 512)
            .unwrap();
        0
    });
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(Ok(ms)) = arguments.first().map(|a| a.parse::<u64>()) else {
        eprintln!("usage: compare MILLISECONDS GROUP...");
        std::process::exit(2);
    };
    for group in &arguments[1..] {
        match group.as_str() {
            "scalar" => scalar(ms),
            "view" => view(ms),
            "copy" => copy(ms),
            "across" => across(ms),
            "dirty" => dirty(ms),
            "regions" => regions(ms),
            "threads" => threads(ms),
            "file" => file(ms),
            _ => {} // what vm-memory does not have
        }
    }
}
