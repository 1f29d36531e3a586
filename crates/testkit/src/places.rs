use std::path::PathBuf;

/// Real inputs, where this checkout has them beside it: a file below `MOOTHALL_SHARED` (default
/// `../shared`). Prints why and returns `None` where they are absent; the test then ends early.
pub fn shared_data(file: &str) -> Option<PathBuf> {
    // Tests run in the folder of their package.
    let here = std::env::current_dir().ok()?;
    let workspace = here.ancestors().find(|folder| folder.join("Cargo.lock").is_file())?;
    let shared = std::env::var_os("MOOTHALL_SHARED").map_or(workspace.join("../shared"), PathBuf::from);
    let path = shared.join("data").join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("left out: {} is not here (MOOTHALL_SHARED names the folder of real inputs)", path.display());
    None
}

/// The folder of speech models, from `MOOTHALL_MODELS`. Prints why and returns `None` without one.
pub fn models_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("MOOTHALL_MODELS").map(PathBuf::from).filter(|dir| dir.is_dir());
    if dir.is_none() {
        eprintln!("left out: MOOTHALL_MODELS names no folder of speech models (use scripts/test)");
    }
    dir
}
