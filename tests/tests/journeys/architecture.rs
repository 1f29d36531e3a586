//! The promises that the compiler does not keep: which crate may know which, what never changes, and how
//! long a file may get.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use sha2::{Digest, Sha256};

/// By crate: what it may use besides `core`.
const ARROWS: [(&str, &[&str]); 11] = [
    ("core", &[]),
    ("store", &[]),
    ("ingest", &[]),
    ("archive", &["ingest"]),
    ("transcribe", &[]),
    ("agenda", &[]),
    ("search", &[]),
    ("web", &["store", "search", "ingest", "archive"]),
    ("worker", &["store", "ingest", "archive", "transcribe", "agenda", "search"]),
    ("cli", &["store", "ingest", "archive", "transcribe", "agenda", "search", "worker", "web"]),
    ("testkit", &["store"]),
];

/// Databases out there were made by these very bytes: a shipped migration never changes, not even in a
/// comment. A new one gets a new line.
const MIGRATIONS: [(&str, &str); 28] = [
    ("postgres/0001_init.sql", "4713fbafa5ef5e101b4e84976589ef5c8b02163e9f9989fb98bd2eae027376e9"),
    ("postgres/0002_air_delay.sql", "b4004bb76ca774767960d6d66d066abc75e411730abb120ba90b44409b417518"),
    ("postgres/0003_rooms.sql", "dff35baefa92f801055cb4f2706f5b9e668b11a03d029756051c0fe99d126854"),
    ("postgres/0004_posters.sql", "aa460454d261e43916234459504033a38ebba4fb284f8623439887d9195a90e6"),
    ("postgres/0005_health.sql", "50bc40e598b04e494f641b709a21a7458a8dfcb5b153b499f30fda799f45c637"),
    ("postgres/0006_sign_in.sql", "5f2094adccd34f39affc22b4b893939af4652b3547a424d68c025410f39f1d17"),
    ("postgres/0007_archive.sql", "21c58b3ee241babea6ee76589a5c595ef79a68a16f77ab220c6f5387628bb360"),
    ("postgres/0008_room_backup.sql", "0f2867906b8c5a584f7f0dd02d2670cb4acd3c0de8125709ac3ec4fd1a406d69"),
    ("postgres/0009_room_ladder.sql", "a446fb37d5385bfd3be5bcfef6ab804763994d2d2085e2af201b216321b08657"),
    ("postgres/0010_uploads.sql", "dd7427117c2595abfd70e6f63bd38a49cd0b963abba82b0af5059f3c8b9b4c88"),
    ("postgres/0011_calls.sql", "b9cee23119b0be3a6ddbd22ef78a4c368f331c6302f3d80418d626ed0f3d40ab"),
    ("postgres/0012_voice_names.sql", "7d2aca85c8e18c369f94a65720f3621736fc8f382d104f4645cd1773972d4541"),
    ("postgres/0013_live_captions.sql", "2ba5ad6076329b89c3c5da904e7e53bdb7cbde2db0be45c9499307a4f09a9871"),
    ("postgres/0014_evidence.sql", "d5f7aefe8dc5cdaad4dda79b9451da93ded81d71f323836f6bbe14e99d5508a2"),
    ("sqlite/0001_init.sql", "27d3cf94fb8a714d718faf28311287e5b8115a76df0b0fec7fdb81766d3013e6"),
    ("sqlite/0002_air_delay.sql", "6a0651c8b9b21b2175dd3711d876ba33e3cf08c7bf7a23b753249645048b187c"),
    ("sqlite/0003_rooms.sql", "d6dd6bd9412711f6887a8d302caa2bfb426a16ed9f187c0011bb57e5db00778c"),
    ("sqlite/0004_posters.sql", "918b0742f24935cd1f0420a294c81f95c04bfbf15c3678e579ad12dfb6fffa85"),
    ("sqlite/0005_health.sql", "8fbf1149543160748e5b5ba3c66476148d6f50c23daec0f29138fe3d1b733ca5"),
    ("sqlite/0006_sign_in.sql", "1ce1b38e956133c8b07f7fda23d7d5f3ece3db60373226db9c6839276383101b"),
    ("sqlite/0007_archive.sql", "d1c34ec3eee2ca985568bfbd8d6727ff8a660f32b2639837966a05a6616f9222"),
    ("sqlite/0008_room_backup.sql", "fc736e3924a608fa5b90f375ac516b8b37e55099c179c033a31ac44a7a8b9ba8"),
    ("sqlite/0009_room_ladder.sql", "da7fc59c4635ce58d234fe88fd353478ae48035499330b26b2510c752640f8e6"),
    ("sqlite/0010_uploads.sql", "04545b8b3fc0ae9dd40cf26c350e83f1b922d7c15fce30f8976095d01867984a"),
    ("sqlite/0011_calls.sql", "fe2a8b124951df0973c2a31ef48386523b69af94a77c06a668132444ef995d79"),
    ("sqlite/0012_voice_names.sql", "9cf07fa2972c4457be3e140ba5af6973a39bc86bdd544056e03e5d7a6e9a4b78"),
    ("sqlite/0013_live_captions.sql", "bc7e3e7e256507b4222a02a3a915dc32053ddf6c9f5c25c54207bfb8fc3caec2"),
    ("sqlite/0014_evidence.sql", "bd162a91f9f03b2b627d6e51b4a940f437e02267fb944f5c6d36fb6fef37bb3e"),
];

/// A file that is longer holds more than one thing.
const MOST_LINES: usize = 450;

fn root() -> PathBuf {
    std::path::absolute("..").unwrap()
}

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap()
}

/// By crate of ours: those of ours that it uses, and how.
fn uses() -> BTreeMap<String, Vec<(String, DependencyKind)>> {
    let ours = |name: &str| name.strip_prefix("moothall-").map(str::to_owned);
    let packages = metadata().packages;
    let packages = packages.iter().filter_map(|package| Some((ours(&package.name)?, package)));
    packages
        .map(|(name, package)| {
            let used = package.dependencies.iter();
            (name, used.filter_map(|used| Some((ours(&used.name)?, used.kind))).collect())
        })
        .collect()
}

#[test]
fn crates_use_only_what_the_design_lets_them() {
    let arrows: BTreeMap<_, _> = ARROWS.into_iter().collect();
    let mut seen = BTreeSet::new();
    for (name, used) in uses() {
        // This crate stands outside of the house and looks at it.
        if name == "tests" {
            continue;
        }
        let allowed = arrows.get(name.as_str()).unwrap_or_else(|| panic!("no arrows are drawn for {name}"));
        for (other, kind) in used {
            let is_test_of = kind == DependencyKind::Development && other == "testkit";
            assert!(
                other == "core" || is_test_of || allowed.contains(&other.as_str()),
                "{name} uses {other}, and the design has no such arrow"
            );
        }
        seen.insert(name);
    }
    assert_eq!(seen.len(), ARROWS.len(), "{seen:?}");
}

#[test]
fn shipped_migrations_never_change() {
    let mut there = Vec::new();
    for database in ["postgres", "sqlite"] {
        for entry in fs::read_dir(root().join("migrations").join(database)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{database}/{}", path.file_name().unwrap().to_str().unwrap());
            there.push((name, format!("{:x}", Sha256::digest(fs::read(&path).unwrap()))));
        }
    }
    there.sort();
    let shipped = MIGRATIONS.map(|(name, sha256)| (name.to_owned(), sha256.to_owned()));
    assert_eq!(there, shipped);
    // Both databases go through the same steps.
    let steps = |database| {
        let names = there.iter().filter_map(move |(name, _)| name.strip_prefix(database));
        names.collect::<Vec<_>>()
    };
    assert_eq!(steps("postgres/"), steps("sqlite/"));
}

#[test]
fn files_hold_one_thing_each() {
    let mut folders = vec![root().join("tests")];
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        folders.push(entry.unwrap().path().join("src"));
    }
    let mut long = Vec::new();
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                count += 1;
                let lines = fs::read_to_string(&path).unwrap().lines().count();
                if lines > MOST_LINES {
                    long.push(format!("{} has {lines} lines", path.display()));
                }
            }
        }
    }
    assert!(count > 100, "only {count} files were seen");
    assert!(long.is_empty(), "split what is longer than {MOST_LINES} lines: {long:#?}");
}
