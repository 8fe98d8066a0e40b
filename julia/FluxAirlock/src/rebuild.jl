# Models of today's Flux: what the extension for Flux defines.

"""
    rebuild(m; functions = Dict())
    rebuild(m, path; functions = Dict())

A model of today's Flux, through a closed table of layers and functions. Needs Flux to be loaded (`using Flux`) on Julia 1.10 or later.
"""
function rebuild end

function loadmodel! end
