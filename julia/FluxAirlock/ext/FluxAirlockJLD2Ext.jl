# The state of a model in a JLD2 file, whole or not at all.
module FluxAirlockJLD2Ext

using FluxAirlock: FluxAirlock, Model, OutputError, state
using JLD2: jldopen

function FluxAirlock.save_state(out::AbstractString, m::Model; force::Bool = false)
    states = state(m)
    part = tempname(dirname(abspath(out)))
    try
        jldopen(part, "w") do file
            for (name, value) in states
                file[name] = value
            end
        end
        ispath(out) && !force && throw(OutputError(Symbol("output-exists"), "the output exists", "", String(out)))
        mv(part, out; force = force)
    finally
        rm(part; force = true)
    end
    return nothing
end

end
