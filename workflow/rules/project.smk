# The project's files: next to this one, or unpacked from the repository that it comes from.
import sys
import tempfile
from pathlib import Path

from git import Repo
from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import HostingProviderFile, LocalGitFile, LocalSourceFile


def checkout(repository, ref):
    """A folder with this version of a repository's files, made once per working folder."""
    commit = Repo(repository).commit(ref).hexsha
    folder = Path.cwd() / ".snakemake" / "landscape" / commit
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = tempfile.mkdtemp(dir=folder.parent)
        Repo.clone_from(repository, fresh, no_checkout=True).git.checkout(commit)
        try:
            Path(fresh).rename(folder)
        except OSError:  # another Snakemake was faster
            if not folder.exists():
                raise
    return folder


def project_folder(rules):
    """The project's root, two levels above its folder of rules."""
    if isinstance(rules, HostingProviderFile):  # github(…), gitlab(…)
        repository = checkout(rules.hosted_repo.repo_clone, rules.ref)
    elif isinstance(rules, LocalGitFile):  # gitfile(…)
        repository = checkout(rules.repo_path, rules.ref)
    elif isinstance(rules, LocalSourceFile):
        repository = Path()
    else:
        raise WorkflowError(
            f"{rules}: the address of a single file does not include the package that the rules need; "
            "use github(…), gitlab(…), gitfile(…) or a folder"
        )
    return repository / Path(rules.path).parents[1]


PROJECT = project_folder(workflow.current_basedir)
PACKAGE_ROOT = str(PROJECT / "workflow")
sys.path.insert(0, PACKAGE_ROOT)
