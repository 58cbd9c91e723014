import sys
if sys.path and not sys.path[0]:
    import os
    sys.path[0] = os.path.dirname(sys.executable)
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
place, role = sys.argv[1:3]
spec = spec_from_file_location("callsheet_worker", place + "/__init__.py", submodule_search_locations=[place])
sys.modules[spec.name] = module = module_from_spec(spec)
spec.loader.exec_module(module)
main = import_module("callsheet_worker." + role).main
del place, role, spec, module, module_from_spec, spec_from_file_location, import_module
main()
