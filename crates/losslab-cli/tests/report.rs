//! `losslab report` as a user sees it: one page of several records, and how it refuses.

mod binary;

use binary::{error, losslab};
use std::{fs, path::Path};

fn report(arguments: &[&Path], out: &Path) -> Vec<String> {
    let paths =
        arguments.iter().copied().chain([Path::new("--out"), out]).map(|path| path.to_str().unwrap().to_owned());
    std::iter::once("report".to_owned()).chain(paths).collect()
}

#[test]
fn a_page_of_two_records_and_clear_refusals() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let runs = folder.path().join("runs");
    for (name, gamma) in [("first", "gamma=0,2"), ("second", "gamma=1")] {
        let out = runs.join(name);
        let flags =
            ["run", "focal", "--seeds", "2", "--set", "epochs=1", "--set", "alpha=0.5", "--set", gamma, "--out"];
        assert!(losslab(&[&flags, [out.to_str().unwrap()].as_slice()].concat()).status.success());
    }
    let ask = |arguments: &[&Path]| {
        let arguments = report(arguments, &page);
        losslab(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };

    // One record gives the page that its run has written.
    let first = runs.join("first");
    assert!(ask(&[&first]).status.success());
    assert!(fs::read(&page).unwrap() == fs::read(first.join("report.html")).unwrap());

    let output = ask(&[&runs]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("Report of 2 runs: /"));
    let text = fs::read_to_string(&page).unwrap();
    for part in ["side by side", "<th scope=col>first</th><th scope=col>second</th>", "<td>0.0, 2.0</td><td>1.0</td>"] {
        assert!(text.contains(part), "{part}");
    }

    let refused = |arguments: &[&Path], part: &str| {
        let arguments = report(arguments, &page);
        let message = error(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(message.contains(part), "{part} is missing in: {message}");
    };
    let empty = tempfile::tempdir().unwrap();
    refused(&[], "<DIR>");
    refused(&[Path::new("none")], "none: no such folder");
    refused(&[&first, empty.path()], "no run is in it: expected outcome.json, story.json, run.json");
    fs::write(first.join("story.json"), "{").unwrap();
    refused(&[&first], "story.json: not what losslab writes");
    fs::remove_file(first.join("run.json")).unwrap();
    refused(&[&runs], "run.json: cannot be read");
    assert_eq!(fs::read_to_string(&page).unwrap(), text);
}
