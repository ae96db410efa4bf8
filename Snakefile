# The workflow is workflow/Snakefile; this one starts it from the project's own folder.
include: "workflow/Snakefile"


workflow.default_target = "all"  # an included file brings none along
