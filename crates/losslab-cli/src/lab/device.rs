//! Where tensors live.

use anyhow::{Result, bail};
use burn::tensor::Device;

/// The device of a run.
#[derive(Clone, Debug)]
pub struct Devices {
    device: Device,
    /// A processor takes one job a core; other devices share themselves out and take one at a time.
    is_processor: bool,
}

impl Default for Devices {
    fn default() -> Self {
        Self { device: Device::flex(), is_processor: true }
    }
}

/// The name of every device and whether this program was built with it.
const KNOWN: [(&str, bool); 6] = [
    ("flex", true),
    ("wgpu", cfg!(feature = "wgpu")),
    ("vulkan", cfg!(feature = "vulkan")),
    ("metal", cfg!(feature = "metal")),
    ("cuda", cfg!(feature = "cuda")),
    ("rocm", cfg!(feature = "rocm")),
];

impl Devices {
    /// The device of that name: `flex` (this processor), or one that the program was built with.
    pub fn named(name: &str) -> Result<Self> {
        #[allow(unused_variables, reason = "without the features only this processor is left")]
        let beside = |device: Device| -> Result<Self> { Ok(Self { device, is_processor: false }) };
        match name {
            "flex" => Ok(Self::default()),
            #[cfg(feature = "wgpu")]
            "wgpu" => beside(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "vulkan")]
            "vulkan" => beside(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "metal")]
            "metal" => beside(Device::metal(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            "cuda" => beside(Device::cuda(0)),
            #[cfg(feature = "rocm")]
            "rocm" => beside(Device::rocm(0)),
            _ if KNOWN.iter().any(|(known, _)| *known == name) => bail!(
                "--device {name}: this program was built without it; `cargo build --release --features {name}` builds it in"
            ),
            _ => {
                let listed =
                    |(known, built): (&str, bool)| format!("{known}{}", if built { "" } else { " (not built in)" });
                bail!("--device {name}: no such device, there are: {}", KNOWN.map(listed).join(", "))
            }
        }
    }

    /// The device, with gradients recorded.
    pub fn training(&self) -> Device {
        self.device.clone().autodiff()
    }

    /// Jobs at a time: rayon's number of threads, which is the number of cores or `RAYON_NUM_THREADS`.
    pub fn workers(&self) -> usize {
        if self.is_processor { rayon::current_num_threads() } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::Devices;

    #[test]
    fn unknown_devices_are_refused_with_those_that_exist() {
        let message = Devices::named("gpu").unwrap_err().to_string();
        assert!(message.starts_with("--device gpu: no such device, there are: flex, "), "{message}");
        assert!(Devices::named("flex").is_ok());
    }
}
