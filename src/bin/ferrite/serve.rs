//! `ferrite serve`.

use std::{
    env,
    ffi::OsString,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::ExitStatus,
};

use ferrite::{
    front::{self, Door, Ended, FrontError},
    log,
};

use crate::{FAILED, Failure, USAGE, options::Serve};

pub(crate) fn serve(options: Serve) -> Result<(), Failure> {
    if !options.script.is_file() {
        return Err(Failure::new(USAGE, format!("there is no script {}", options.script.display())));
    }
    let php = find_php(&options.php)?;
    let workers = match options.workers {
        Some(count) => Some(usize::from(count)),
        None => count_of_environment()?,
    };
    // Lines of the log go there only.
    log::stderr::remember();
    match front::serve(door(&options, php), workers) {
        Ok(Ended::Stopped) => Ok(()),
        Ok(Ended::WithoutServer(status)) => Err(without_server(&options.script, status)),
        Err(FrontError::Spawn(error)) => {
            Err(Failure::new(FAILED, format!("{} cannot be run: {error}", options.php.display())))
        }
        Err(error) => Err(Failure::new(FAILED, error.to_string())),
    }
}

fn door(options: &Serve, program: PathBuf) -> Door {
    let mut arguments = vec![options.php.clone().into_os_string()];
    for setting in &options.define {
        arguments.extend([OsString::from("-d"), OsString::from(setting)]);
    }
    // With -f a script may have any name.
    arguments.extend([OsString::from("-f"), options.script.clone().into_os_string(), OsString::from("--")]);
    arguments.extend(options.arguments.iter().cloned());
    Door { program, arguments, script: Some(options.script.clone()) }
}

fn find_php(named: &Path) -> Result<PathBuf, Failure> {
    let is_program = |path: &PathBuf| {
        path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    let found = if named.components().count() > 1 || named.is_absolute() {
        Some(named.to_owned()).filter(is_program)
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).map(|folder| folder.join(named)).find(is_program)
    };
    found.ok_or_else(|| {
        let named = named.display();
        Failure::new(USAGE, format!("there is no program {named}: name your PHP with --php PATH"))
    })
}

/// The number of workers, where the command line does not say it.
fn count_of_environment() -> Result<Option<usize>, Failure> {
    let Some(text) = env::var_os(COUNT_VARIABLE) else { return Ok(None) };
    let count = text.to_str().and_then(|text| text.parse().ok());
    // No workers are the script's own affair: this program has no other way.
    count.map(|count: usize| (count > 0).then_some(count)).ok_or_else(|| {
        Failure::new(USAGE, format!("{COUNT_VARIABLE}: {} is not a number of workers", text.display()))
    })
}

fn without_server(script: &Path, status: ExitStatus) -> Failure {
    let code = match (status.code(), status.signal()) {
        (Some(0), _) => FAILED,
        (Some(code), _) => u8::try_from(code).unwrap_or(FAILED),
        // As shells do.
        (None, Some(signal)) => u8::try_from(128 + signal).unwrap_or(FAILED),
        (None, None) => FAILED,
    };
    let script = script.display();
    let hint = "PHP has printed the error, if it was one; a missing class Ferrite\\Server means that PHP does not load \
        the extension: -d extension=ferrite";
    Failure::new(code, format!("{script} ended without running a server ({status}). {hint}"))
}

/// Overrides the script's number of workers, as it does without this program.
const COUNT_VARIABLE: &str = "FERRITE_WORKERS";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_of_a_script_is_passed_on_but_never_as_success() {
        let code = |raw| without_server(Path::new("app.php"), ExitStatus::from_raw(raw)).code;
        assert_eq!([code(7 << 8), code(255 << 8), code(0), code(9)], [7, 255, FAILED, 137]);
    }

    #[test]
    fn php_is_found_by_its_name_and_by_its_path() {
        let shell = find_php(Path::new("sh")).unwrap();
        assert_eq!(find_php(&shell).unwrap(), shell);
        assert!(find_php(Path::new("no-such-php")).is_err());
        assert!(find_php(Path::new("/etc/passwd")).is_err());
    }
}
