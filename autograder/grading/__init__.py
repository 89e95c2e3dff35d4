"""From a folder of submissions to marks: admit, rebuild, execute, store, record, feedback.

admit    bytes of a file -> cells of a notebook, or one sentence why not
rebuild  the instructor's skeleton with the student's answers transplanted
execute  student cells behind the sandbox, test cells here, with proxies between them
store    one JSON result for every submission, the memory of the pipeline
record   the one writer: gradebook and autograded notebooks
"""
