//! What the machine has, and what each slot gets of it.
//!
//! All trials of a sweep need the same, so a sweep has a fixed number of slots and each slot has its own GPUs.

use std::fs;
use std::path::Path;

use crate::spec::{Each, Parallel, Slots};

/// What is there for trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Cores.
    pub cpu: f64,
    /// GPUs, by index or UUID.
    pub gpu: Vec<String>,
    /// Bytes of memory.
    pub mem: u64,
}

/// What the slots of a sweep get.
#[derive(Clone, Debug, PartialEq)]
pub struct Allotment {
    /// For each slot the value of `CUDA_VISIBLE_DEVICES`; none leaves it as it is.
    pub gpus: Vec<Option<String>>,
    /// How many threads a trial's numeric libraries are told to use.
    pub threads: u32,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// More trials are wanted than fit: what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoesNotFit {
    /// Which key of `each`.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Machine {
    /// What is there: `slots` where it says so, else what is detected.
    pub fn detect(slots: &Slots) -> Self {
        let cpu = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64;
        let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
        Self {
            cpu: slots.cpu.unwrap_or(cpu),
            gpu: slots.gpu.clone().unwrap_or_else(|| visible_gpus(visible.as_deref(), Path::new("/dev"))),
            mem: slots.mem.unwrap_or_else(memory),
        }
    }
}

/// The GPUs that an inherited `CUDA_VISIBLE_DEVICES` allows, else those that have a device file.
fn visible_gpus(variable: Option<&str>, devices: &Path) -> Vec<String> {
    if let Some(list) = variable {
        // As CUDA reads it: what follows an invalid entry is not visible.
        return list
            .split(',')
            .map(|gpu| gpu.trim().to_owned())
            .take_while(|gpu| !gpu.is_empty() && gpu != "-1" && gpu != "NoDevFiles" && gpu != "void")
            .collect();
    }
    let names = fs::read_dir(devices).into_iter().flatten().flatten();
    let count =
        names.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("nvidia")?.parse::<u32>().ok()).count();
    (0..count).map(|i| i.to_string()).collect()
}

/// The memory of the machine or of the container, in bytes.
fn memory() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .map_or(u64::MAX, |kib| kib * 1024);
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limit = limits.iter().find_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    limit.map_or(total, |limit| limit.min(total))
}

/// The slots that `each` allows on `machine`, and what each of them gets.
///
/// # Errors
/// When not even one trial fits.
pub fn allot(parallel: Parallel, each: &Each, machine: &Machine) -> Result<Allotment, DoesNotFit> {
    let by_cpu = limit("cpu", each.cpu, machine.cpu, |cpu| format!("{cpu} cores"))?;
    let by_mem = limit("mem", each.mem.map(|mem| mem as f64), machine.mem as f64, gib)?;
    // Where nothing is said, one trial for each GPU that is there.
    let alone = parallel == Parallel::Auto && each.cpu.is_none() && each.mem.is_none();
    let share = each.gpu.or((alone && !machine.gpu.is_empty()).then_some(1.0));
    let by_gpu = match share {
        Some(share) if share > 0.0 => {
            let there = machine.gpu.len();
            let fit = if share < 1.0 { there * (1.0 / share + 1e-9) as usize } else { there / share as usize };
            if fit == 0 {
                let message = format!("each trial wants {share} GPUs, and there are {there} here");
                return Err(DoesNotFit { key: "gpu", message });
            }
            Some(fit)
        }
        _ => None,
    };
    // Memory alone would put dozens of trials on two cores.
    let by_core =
        (parallel == Parallel::Auto && each.cpu.is_none() && by_mem.is_some()).then_some((machine.cpu as usize).max(1));
    let fits = [by_cpu, by_mem, by_gpu, by_core].into_iter().flatten().min();
    let mut notes = Vec::new();
    let count = match (parallel, fits) {
        (Parallel::Auto, fits) => fits.unwrap_or(1),
        (Parallel::Count(wanted), Some(fits)) if fits < wanted => {
            notes.push(format!("{fits} trials at once instead of {wanted}: more do not fit on this machine"));
            fits
        }
        (Parallel::Count(wanted), _) => wanted,
    };
    let gpus = (0..count).map(|slot| slot_gpus(slot, share, each.gpu.is_some(), count, &machine.gpu)).collect();
    let threads = each.cpu.unwrap_or(machine.cpu / count as f64).max(1.0) as u32;
    Ok(Allotment { gpus, threads, notes })
}

/// How many trials fit by one amount; none where it is not asked for.
fn limit(
    key: &'static str,
    wanted: Option<f64>,
    there: f64,
    words: impl Fn(f64) -> String,
) -> Result<Option<usize>, DoesNotFit> {
    let Some(wanted) = wanted else { return Ok(None) };
    match (there / wanted + 1e-9) as usize {
        0 => {
            let message = format!("each trial wants {}, and there are {} here", words(wanted), words(there));
            Err(DoesNotFit { key, message })
        }
        fit => Ok(Some(fit)),
    }
}

fn gib(bytes: f64) -> String {
    format!("{:.1} GiB of memory", bytes / f64::from(1 << 30))
}

/// The GPUs of one slot, as `CUDA_VISIBLE_DEVICES` takes them.
fn slot_gpus(slot: usize, share: Option<f64>, said: bool, count: usize, gpus: &[String]) -> Option<String> {
    match share {
        // No GPU is wanted, and that was said.
        Some(0.0) => Some(String::new()),
        Some(share) if share >= 1.0 => {
            let each = share as usize;
            Some(gpus[slot * each..(slot + 1) * each].join(","))
        }
        Some(_) => Some(gpus[slot % gpus.len()].clone()),
        // Several trials and nothing said: they are spread over the GPUs rather than all on the first one.
        None if !said && count > 1 && gpus.len() > 1 => Some(gpus[slot % gpus.len()].clone()),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(gpus: &[&str]) -> Machine {
        Machine { cpu: 8.0, gpu: gpus.iter().map(|gpu| (*gpu).to_owned()).collect(), mem: 32 << 30 }
    }

    fn slots(parallel: Parallel, each: &Each, gpus: &[&str]) -> Vec<String> {
        let allotment = allot(parallel, each, &machine(gpus)).unwrap();
        allotment.gpus.into_iter().map(|gpus| gpus.unwrap_or_else(|| "-".into())).collect()
    }

    #[test]
    fn auto_is_one_or_one_for_each_gpu_or_what_fits() {
        let each = Each::default();
        assert_eq!(slots(Parallel::Auto, &each, &[]), ["-"]);
        assert_eq!(slots(Parallel::Auto, &each, &["0", "1"]), ["0", "1"]);
        assert_eq!(slots(Parallel::Auto, &each, &["GPU-a", "GPU-b"]), ["GPU-a", "GPU-b"]);
        assert_eq!(slots(Parallel::Auto, &Each { cpu: Some(2.0), ..each.clone() }, &[]).len(), 4);
        assert_eq!(slots(Parallel::Auto, &Each { mem: Some(10 << 30), ..each.clone() }, &[]).len(), 3);
        assert_eq!(slots(Parallel::Auto, &Each { mem: Some(1 << 20), ..each.clone() }, &[]).len(), 8);
        assert_eq!(slots(Parallel::Auto, &Each { cpu: Some(0.5), mem: Some(1 << 30), ..each }, &[]).len(), 16);
    }

    #[test]
    fn gpus_are_shared_and_bundled() {
        let gpu = |gpu: f64| Each { gpu: Some(gpu), ..Each::default() };
        assert_eq!(slots(Parallel::Auto, &gpu(0.5), &["3", "5"]), ["3", "5", "3", "5"]);
        assert_eq!(slots(Parallel::Auto, &gpu(1.0 / 3.0), &["0"]).len(), 3);
        assert_eq!(slots(Parallel::Auto, &gpu(2.0), &["0", "1", "2", "3", "4"]), ["0,1", "2,3"]);
        assert_eq!(slots(Parallel::Count(1), &gpu(1.0), &["0", "1"]), ["0"]);
        assert_eq!(slots(Parallel::Count(3), &gpu(0.0), &["0", "1"]), ["", "", ""]);
        assert_eq!(slots(Parallel::Count(3), &Each::default(), &["0", "1"]), ["0", "1", "0"]);
        assert_eq!(slots(Parallel::Count(1), &Each::default(), &["0", "1"]), ["-"]);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let wrong = |each: Each, gpus: &[&str]| allot(Parallel::Auto, &each, &machine(gpus)).unwrap_err().message;
        let each = Each::default();
        let messages = [
            wrong(Each { gpu: Some(1.0), ..each.clone() }, &[]),
            wrong(Each { gpu: Some(4.0), ..each.clone() }, &["0"]),
            wrong(Each { cpu: Some(16.0), ..each.clone() }, &[]),
            wrong(Each { mem: Some(64 << 30), ..each.clone() }, &[]),
        ];
        insta::assert_snapshot!(messages.join("\n"));
        let fewer = allot(Parallel::Count(9), &Each { cpu: Some(4.0), ..each }, &machine(&[])).unwrap();
        assert_eq!((fewer.gpus.len(), fewer.threads), (2, 4));
        assert_eq!(fewer.notes, ["2 trials at once instead of 9: more do not fit on this machine"]);
    }

    #[test]
    fn an_inherited_list_of_gpus_is_honoured() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["nvidia0", "nvidia1", "nvidia-uvm", "nvidiactl", "null"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(visible_gpus(None, folder.path()), ["0", "1"]);
        assert_eq!(visible_gpus(Some("2, GPU-1f,-1,3"), folder.path()), ["2", "GPU-1f"]);
        assert!(visible_gpus(Some(""), folder.path()).is_empty());
        assert!(visible_gpus(None, Path::new("/nowhere")).is_empty());
    }
}
