import os
import sys
if sys.path and not sys.path[0]:
    sys.path[0] = os.path.dirname(sys.executable)
is_template = "CALLSHEET_WARM_START" in os.environ
if is_template:
    try:
        from _pytest import __version__ as found
    except ImportError:
        found = ""
    sys.stdout.write("\ncallsheet-probe\t%d.%d.%d\t%s\n" % (sys.version_info[:3] + (found,)))
    sys.stdout.flush()
    del found
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
place, role = sys.argv[1:3]
spec = spec_from_file_location("callsheet_worker", place + "/__init__.py", submodule_search_locations=[place])
sys.modules[spec.name] = module = module_from_spec(spec)
spec.loader.exec_module(module)
if is_template:
    import_module("callsheet_worker.template").serve()
main = import_module("callsheet_worker." + role).main
del os, is_template, place, role, spec, module, module_from_spec, spec_from_file_location, import_module
main()
